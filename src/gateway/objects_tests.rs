//! The gateway when an ACS adds and deletes rows, and when it resets a device.

use super::tests::{Bench, MAC};
use super::{Delivery, SessionOutcome};
use crate::cwmp::{
    AcsRequest, CpeResponse, EventCode, Fault, FaultCode, ParameterInfo, SetAttribute, SetValue,
};
use crate::mapping::{Packs, Template};
use crate::store::Table;
use crate::wire::ContentHash;

const PROFILES: &str = "Device.Services.VoiceService.1.VoiceProfile.";
const COUNT: &str = "Device.Services.VoiceService.1.VoiceProfileNumberOfEntries";
const KEY: &str = "Device.ManagementServer.ParameterKey";

impl Bench {
    async fn add(&self, table: &str) -> Result<(u32, bool), Fault> {
        let request = AcsRequest::AddObject {
            object_name: table.to_owned(),
            parameter_key: format!("added to {}", table.len()),
        };
        match self.gateway.execute(MAC, request).await? {
            CpeResponse::AddObject {
                instance,
                applied_later,
            } => Ok((instance, applied_later)),
            other => panic!("{other:?}"),
        }
    }

    async fn delete(&self, row: &str) -> Result<bool, Fault> {
        let request = AcsRequest::DeleteObject {
            object_name: row.to_owned(),
            parameter_key: "deleted".to_owned(),
        };
        match self.gateway.execute(MAC, request).await? {
            CpeResponse::DeleteObject { applied_later } => Ok(applied_later),
            other => panic!("{other:?}"),
        }
    }

    async fn value(&self, name: &str) -> Result<String, Fault> {
        let request = AcsRequest::GetParameterValues(vec![name.to_owned()]);
        match self.gateway.execute(MAC, request).await? {
            CpeResponse::GetParameterValues(mut values) => Ok(values.remove(0).value),
            other => panic!("{other:?}"),
        }
    }

    async fn set(&self, name: &str, value: &str) -> Result<CpeResponse, Fault> {
        let value = SetValue {
            name: name.to_owned(),
            value: value.to_owned(),
            value_type: None,
        };
        let request = AcsRequest::SetParameterValues {
            parameters: vec![value],
            parameter_key: "set".to_owned(),
        };
        self.gateway.execute(MAC, request).await
    }

    async fn notify(&self, name: &str) {
        let request = AcsRequest::SetParameterAttributes(vec![SetAttribute {
            name: name.to_owned(),
            notification: Some(2),
            access_list: None,
        }]);
        self.gateway.execute(MAC, request).await.unwrap();
    }

    async fn names(&self, path: &str) -> Vec<ParameterInfo> {
        let request = AcsRequest::GetParameterNames {
            path: path.to_owned(),
            next_level: true,
        };
        match self.gateway.execute(MAC, request).await.unwrap() {
            CpeResponse::GetParameterNames(names) => names,
            other => panic!("{other:?}"),
        }
    }

    fn own(&self) -> Vec<u8> {
        self.gateway.own_file(MAC).unwrap().1
    }

    /// Opens a session, has its Inform taken, and tells its events.
    async fn informed(&self) -> Vec<EventCode> {
        let session = self.gateway.open_session(MAC).await.unwrap().unwrap();
        self.gateway.delivered(MAC, Delivery::Inform).await.unwrap();
        let events = session.inform.events.iter();
        events.map(|event| event.code).collect()
    }

    async fn close(&self) {
        self.gateway.close_session(MAC, SessionOutcome::Ended).await;
    }
}

/// A device whose first session is over.
async fn announced() -> Bench {
    let bench = Bench::new().await;
    bench.fetch().await;
    bench.informed().await;
    bench.close().await;
    bench
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Fault>) -> FaultCode {
    outcome.expect_err("a fault").code
}

#[tokio::test]
async fn a_row_is_added_and_deleted_as_a_whole_and_a_refusal_changes_nothing() {
    let bench = announced().await;
    let before = bench.value(COUNT).await.unwrap();
    let (number, applied_later) = bench.add(PROFILES).await.unwrap();
    assert!(applied_later, "the account is switched off in the file");
    let row = format!("{PROFILES}{number}.");
    assert_eq!(
        bench.value(&format!("{row}Enable")).await.unwrap(),
        "Disabled"
    );
    assert_eq!(
        bench.value(COUNT).await.unwrap().parse::<u32>().unwrap(),
        before.parse::<u32>().unwrap() + 1
    );
    let writable: Vec<bool> = bench
        .names(PROFILES)
        .await
        .iter()
        .map(|it| it.writable)
        .collect();
    assert!(writable.iter().all(|writable| *writable));
    let key = bench.value(KEY).await.unwrap();
    for table in [
        "Device.No.",
        &row,
        "Device.DeviceInfo.",
        "Device.",
        "",
        "x y.",
    ] {
        assert_eq!(
            code(bench.add(table).await),
            FaultCode::InvalidParameterName,
            "{table}"
        );
    }
    let buttons = format!("{PROFILES}1.ButtonMap.Button.");
    assert_eq!(
        code(bench.add(&buttons).await),
        FaultCode::InvalidParameterName
    );
    assert_eq!(bench.value(KEY).await.unwrap(), key);
    bench.add(&format!("{row}Line.")).await.unwrap();
    let full = bench.add(&format!("{row}Line.")).await;
    assert_eq!(code(full), FaultCode::ResourcesExceeded);

    assert!(
        bench.delete(&row).await.unwrap(),
        "the phone has not fetched yet"
    );
    assert_eq!(bench.value(KEY).await.unwrap(), "deleted");
    assert_eq!(bench.value(COUNT).await.unwrap(), before);
    assert_eq!(
        code(bench.delete(&row).await),
        FaultCode::InvalidParameterName
    );
    assert_eq!(
        code(bench.value(&row).await),
        FaultCode::InvalidParameterName
    );
}

#[tokio::test]
async fn attributes_and_numbers_go_with_a_row_and_what_is_told_is_told_once() {
    let bench = announced().await;
    let (number, _) = bench.add(PROFILES).await.unwrap();
    let row = format!("{PROFILES}{number}.");
    bench.notify(PROFILES).await;
    bench.notify(COUNT).await;
    bench.delete(&row).await.unwrap();
    bench.add(PROFILES).await.unwrap();
    assert_eq!(
        bench.gateway.open_session(MAC).await.unwrap(),
        None,
        "the ACS knows what it has done itself"
    );
    let (record, _) = bench.gateway.load(MAC).unwrap().unwrap();
    let paths = record.cpe.attributes.keys();
    assert!(paths.clone().count() > 10);
    for path in paths {
        assert!(!path.as_str().starts_with(&row), "{path}");
    }
}

#[tokio::test]
async fn numbers_survive_another_data_model() {
    let bench = announced().await;
    let first = bench.add(PROFILES).await.unwrap().0;
    bench.delete(&format!("{PROFILES}{first}.")).await.unwrap();
    bench.delete(&format!("{PROFILES}1.")).await.unwrap();
    let (number, _) = bench.add(PROFILES).await.unwrap();
    let name = format!("{PROFILES}{number}.Name");
    bench.set(&name, "same").await.unwrap();
    let with = |template| Packs::embedded().unwrap().with_template(template);
    let bench = bench.restart_with(with(Template::Device2)).await;
    assert_eq!(bench.value(&name).await.unwrap(), "same");
    let rows: Vec<String> = bench
        .names(PROFILES)
        .await
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert!(!rows.contains(&format!("{PROFILES}1.")), "{rows:?}");
    let bench = bench.restart_with(with(Template::Device1)).await;
    assert_eq!(bench.value(&name).await.unwrap(), "same");
    let next = bench.add(PROFILES).await.unwrap().0;
    assert!(![first, number, 1].contains(&next), "{next}");
    // What a person sees goes on too.
    bench.gateway.show(MAC).await.unwrap();
    let explained = bench.gateway.explain(MAC, "P270").await.unwrap();
    assert!(format!("{explained:?}").contains(&name), "{explained:?}");
}

#[tokio::test]
async fn rows_of_the_cpe_itself_come_and_go_where_the_data_model_has_them() {
    let table = "Device.ManagementServer.InformParameter.";
    let bench = announced().await;
    assert_eq!(
        code(bench.add(table).await),
        FaultCode::InvalidParameterName
    );
    let packs = Packs::embedded().unwrap().with_template(Template::Device2);
    let bench = bench.restart_with(packs).await;
    assert_eq!(bench.add(table).await.unwrap(), (1, false));
    assert_eq!(bench.add(table).await.unwrap().0, 2);
    let count = "Device.ManagementServer.InformParameterNumberOfEntries";
    assert_eq!(bench.value(count).await.unwrap(), "2");
    assert!(bench.names(table).await.iter().all(|it| it.writable));
    assert!(!bench.delete(&format!("{table}2.")).await.unwrap());
    assert_eq!(
        code(bench.delete(&format!("{table}2.")).await),
        FaultCode::InvalidParameterName
    );
    assert_eq!(
        code(bench.delete(&format!("{table}01.")).await),
        FaultCode::InvalidParameterName
    );
    assert_eq!(bench.add(table).await.unwrap().0, 3, "2 was used");
}

#[tokio::test]
async fn two_enabled_profiles_of_one_name_are_refused() {
    let bench = announced().await;
    let (number, _) = bench.add(PROFILES).await.unwrap();
    bench
        .set(&format!("{PROFILES}1.Enable"), "Enabled")
        .await
        .unwrap();
    bench
        .set(&format!("{PROFILES}1.Name"), "one")
        .await
        .unwrap();
    bench
        .set(&format!("{PROFILES}{number}.Name"), "one")
        .await
        .unwrap();
    let enable = format!("{PROFILES}{number}.Enable");
    let fault = bench
        .set(&enable, "Enabled")
        .await
        .expect_err("one name twice");
    assert_eq!(fault.code, FaultCode::InvalidArguments);
    assert_eq!(fault.parameters[0].name, enable);
    assert_eq!(fault.parameters[0].code, FaultCode::InvalidParameterValue);
    bench
        .set(&format!("{PROFILES}{number}.Name"), "two")
        .await
        .unwrap();
    bench.set(&enable, "Enabled").await.unwrap();
}

#[tokio::test]
async fn a_factory_reset_waits_for_the_end_of_the_session_and_gives_the_imported_file_back() {
    let bench = announced().await;
    let imported = bench.own();
    bench.gateway.wake(MAC).await;
    bench.informed().await;
    let name = format!("{PROFILES}1.Name");
    bench.set(&name, "by the ACS").await.unwrap();
    bench.add(PROFILES).await.unwrap();
    bench.notify(&name).await;
    let edited = bench.own();
    assert_ne!(edited, imported);
    let (before, _) = bench.gateway.load(MAC).unwrap().unwrap();
    bench
        .gateway
        .execute(MAC, AcsRequest::FactoryReset)
        .await
        .unwrap();
    assert_eq!(bench.value(&name).await.unwrap(), "by the ACS");
    bench.close().await;

    assert_eq!(bench.own(), imported);
    let kept = bench.gateway.inner.assets.read(&ContentHash::of(&edited));
    assert_eq!(kept.unwrap(), edited, "nothing is lost");
    let (after, _) = bench.gateway.load(MAC).unwrap().unwrap();
    assert_eq!(after.identity, before.identity);
    assert!(
        after.delivery.desired > before.delivery.desired,
        "the phone fetches it"
    );
    assert!(after.cpe.attributes.is_empty() && after.cpe.parameter_key.is_empty());
    assert_eq!(
        after.cpe.connection_request_segment,
        before.cpe.connection_request_segment
    );
    assert_ne!(
        after.cpe.connection_request_password,
        before.cpe.connection_request_password
    );
    assert_eq!(
        bench.informed().await,
        [EventCode::Bootstrap, EventCode::Boot]
    );
    bench.close().await;
    assert_eq!(bench.gateway.open_session(MAC).await.unwrap(), None);
}

#[tokio::test]
async fn a_factory_reset_is_carried_out_after_a_restart_of_the_gateway() {
    let bench = announced().await;
    let imported = bench.own();
    bench.gateway.wake(MAC).await;
    bench.informed().await;
    bench
        .set(&format!("{PROFILES}1.Name"), "by the ACS")
        .await
        .unwrap();
    bench
        .gateway
        .execute(MAC, AcsRequest::FactoryReset)
        .await
        .unwrap();
    let bench = bench.restart_with(Packs::embedded().unwrap()).await;
    assert_eq!(bench.own(), imported);
    assert_eq!(
        bench.informed().await,
        [EventCode::Bootstrap, EventCode::Boot]
    );
}

async fn set_name_and_reset(bench: &Bench, before_reset: impl FnOnce()) {
    bench
        .set(&format!("{PROFILES}1.Name"), "by the ACS")
        .await
        .unwrap();
    before_reset();
    bench.gateway.wake(MAC).await;
    bench.informed().await;
    bench
        .gateway
        .execute(MAC, AcsRequest::FactoryReset)
        .await
        .unwrap();
    bench.close().await;
}

#[tokio::test]
async fn without_the_imported_bytes_the_file_stays() {
    let bench = announced().await;
    let imported = bench.own();
    let mut edited = Vec::new();
    set_name_and_reset(&bench, || {
        assert_eq!(bench.take_imported(), imported);
        edited = bench.own();
    })
    .await;
    assert_ne!(edited, imported);
    assert_eq!(bench.own(), edited);
    assert_eq!(
        bench.informed().await,
        [EventCode::Bootstrap, EventCode::Boot]
    );
}

#[tokio::test]
async fn imported_bytes_that_were_kept_as_an_asset_are_found() {
    let bench = announced().await;
    let imported = bench.own();
    set_name_and_reset(&bench, || {
        let kept = bench.take_imported();
        bench.gateway.inner.assets.put(&kept).unwrap();
    })
    .await;
    assert_eq!(bench.own(), imported);
}

#[tokio::test]
async fn imported_bytes_go_when_the_file_is_as_it_was_imported() {
    let bench = announced().await;
    set_name_and_reset(&bench, || {}).await;
    let store = &bench.gateway.inner.store;
    assert_eq!(store.get(Table::Imported, &MAC.bytes()).unwrap(), None);
}
