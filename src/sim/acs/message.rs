//! What the scripted ACS says: SOAP from templates.

use super::xml::escape;

/// How an ACS spells its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// Prefix of the SOAP envelope.
    pub envelope: String,
    /// Prefix of the SOAP encoding.
    pub encoding: String,
    /// Prefix of CWMP.
    pub cwmp: String,
    /// CWMP namespace; `None`: that of the CPE's Inform.
    pub namespace: Option<String>,
    /// Whether the document begins with an XML declaration.
    pub declaration: bool,
    /// More attributes for the envelope, written as they are.
    pub root_attributes: String,
    /// Truth values as `true` and `false`, else as `1` and `0`.
    pub literal_booleans: bool,
    /// The methods that a CPE may call: what GetRPCMethods tells, and what is not answered with
    /// fault 8000.
    pub methods: Vec<String>,
}

impl Style {
    /// Plain and as the standard's examples have it.
    pub fn standard() -> Self {
        Self {
            envelope: "soapenv".to_owned(),
            encoding: "soapenc".to_owned(),
            cwmp: "cwmp".to_owned(),
            namespace: None,
            declaration: true,
            root_attributes: String::new(),
            literal_booleans: false,
            methods: [
                "Inform",
                "GetRPCMethods",
                "TransferComplete",
                "AutonomousTransferComplete",
                "RequestDownload",
            ]
            .map(str::to_owned)
            .to_vec(),
        }
    }

    /// As GenieACS writes (genieacs.md 18).
    pub fn genieacs() -> Self {
        Self {
            envelope: "soap-env".to_owned(),
            encoding: "soap-enc".to_owned(),
            methods: ["Inform", "GetRPCMethods", "TransferComplete"]
                .map(str::to_owned)
                .to_vec(),
            ..Self::standard()
        }
    }

    /// As FreeACS writes (cwmp.md section 11).
    pub fn freeacs() -> Self {
        Self {
            envelope: "soapenv".to_owned(),
            encoding: "soapenc".to_owned(),
            literal_booleans: true,
            declaration: false,
            ..Self::standard()
        }
    }

    /// As Oktopus writes: always CWMP 1.0, with an odd declaration (cwmp.md section 11).
    pub fn oktopus() -> Self {
        Self {
            envelope: "soap".to_owned(),
            encoding: "soap-enc".to_owned(),
            namespace: Some("urn:dslforum-org:cwmp-1-0".to_owned()),
            root_attributes:
                r#" xmlns:schemaLocation="urn:dslforum-org:cwmp-1-0 ..\schemas\wt121.xsd""#
                    .to_owned(),
            methods: ["Inform", "TransferComplete"].map(str::to_owned).to_vec(),
            ..Self::standard()
        }
    }

    /// An envelope around the XML of a body.
    pub fn envelope(&self, heading: &Heading<'_>, body: &str) -> String {
        let Self {
            envelope,
            encoding,
            cwmp,
            ..
        } = self;
        let namespace = self.namespace.as_deref().unwrap_or(heading.namespace);
        let declaration = if self.declaration {
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        } else {
            ""
        };
        let id = heading.id.map_or_else(String::new, |id| {
            format!(
                "<{cwmp}:ID {envelope}:mustUnderstand=\"1\">{}</{cwmp}:ID>",
                escape(id)
            )
        });
        let hold = heading.hold_requests.map_or_else(String::new, |hold| {
            format!(
                "<{cwmp}:HoldRequests {envelope}:mustUnderstand=\"1\">{}</{cwmp}:HoldRequests>",
                self.boolean(hold)
            )
        });
        format!(
            "{declaration}<{envelope}:Envelope \
             xmlns:{envelope}=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:{encoding}=\"http://schemas.xmlsoap.org/soap/encoding/\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns:{cwmp}=\"{}\"{}>\
             <{envelope}:Header>{id}{hold}{}</{envelope}:Header>\
             <{envelope}:Body>{body}</{envelope}:Body></{envelope}:Envelope>",
            escape(namespace),
            self.root_attributes,
            heading.more,
        )
    }

    /// InformResponse.
    pub fn inform_response(&self) -> String {
        self.method("InformResponse", "<MaxEnvelopes>1</MaxEnvelopes>")
    }

    /// TransferCompleteResponse.
    pub fn transfer_complete_response(&self) -> String {
        self.method("TransferCompleteResponse", "")
    }

    /// GetRPCMethodsResponse with the methods of this ACS.
    pub fn rpc_methods_response(&self) -> String {
        let list = self.array(
            "MethodList",
            "xsd:string",
            self.methods
                .iter()
                .map(|name| format!("<string>{}</string>", escape(name))),
        );
        self.method("GetRPCMethodsResponse", &list)
    }

    /// The answer to a request of a CPE; fault 8000 for a method that this ACS has not.
    pub fn answer(&self, method: &str) -> String {
        if !self.methods.iter().any(|known| known == method) {
            return self.fault(8000);
        }
        match method {
            "Inform" => self.inform_response(),
            "GetRPCMethods" => self.rpc_methods_response(),
            other => self.method(&format!("{other}Response"), ""),
        }
    }

    /// A whole document with a fault as GenieACS writes its own: no body, and an element whose name
    /// has two colons, which is not well-formed with namespaces (cwmp.md E18).
    pub fn fault_with_two_colons(&self, heading: &Heading<'_>, code: u32) -> String {
        let envelope = &self.envelope;
        self.envelope(heading, &self.fault(code))
            .replace(
                &format!("<{envelope}:Body><{envelope}:Fault>"),
                &format!("<{envelope}:Body:Fault>"),
            )
            .replace(
                &format!("</{envelope}:Fault></{envelope}:Body>"),
                &format!("</{envelope}:Body:Fault>"),
            )
    }

    /// A fault of the ACS, 8000 to 8899.
    pub fn fault(&self, code: u32) -> String {
        let Self { envelope, cwmp, .. } = self;
        format!(
            "<{envelope}:Fault><faultcode>Server</faultcode><faultstring>CWMP fault</faultstring>\
             <detail><{cwmp}:Fault><FaultCode>{code}</FaultCode>\
             <FaultString>as the script says</FaultString></{cwmp}:Fault></detail></{envelope}:Fault>"
        )
    }

    /// A method with the XML of its arguments.
    pub fn method(&self, name: &str, arguments: &str) -> String {
        let cwmp = &self.cwmp;
        format!("<{cwmp}:{name}>{arguments}</{cwmp}:{name}>")
    }

    /// GetParameterValues.
    pub fn get_parameter_values(&self, names: &[&str]) -> String {
        self.method("GetParameterValues", &self.names(names))
    }

    /// SetParameterValues; each entry is name, value and `xsi:type`.
    pub fn set_parameter_values(&self, values: &[(&str, &str, &str)], key: &str) -> String {
        let list = self.array(
            "ParameterList",
            &format!("{}:ParameterValueStruct", self.cwmp),
            values.iter().map(|(name, value, kind)| {
                format!(
                    "<ParameterValueStruct><Name>{}</Name><Value xsi:type=\"{}\">{}</Value>\
                     </ParameterValueStruct>",
                    escape(name),
                    escape(kind),
                    escape(value)
                )
            }),
        );
        self.method(
            "SetParameterValues",
            &format!("{list}<ParameterKey>{}</ParameterKey>", escape(key)),
        )
    }

    /// GetParameterNames.
    pub fn get_parameter_names(&self, path: &str, next_level: bool) -> String {
        self.get_parameter_names_spelt(path, self.boolean(next_level))
    }

    /// GetParameterNames with NextLevel written as given.
    pub fn get_parameter_names_spelt(&self, path: &str, next_level: &str) -> String {
        self.method(
            "GetParameterNames",
            &format!(
                "<ParameterPath>{}</ParameterPath><NextLevel>{next_level}</NextLevel>",
                escape(path)
            ),
        )
    }

    /// GetParameterAttributes.
    pub fn get_parameter_attributes(&self, names: &[&str]) -> String {
        self.method("GetParameterAttributes", &self.names(names))
    }

    /// SetParameterAttributes.
    pub fn set_parameter_attributes(&self, changes: &[AttributeChange<'_>]) -> String {
        let list = self.array(
            "ParameterList",
            &format!("{}:SetParameterAttributesStruct", self.cwmp),
            changes.iter().map(|change| {
                let access_list = self.array(
                    "AccessList",
                    "xsd:string",
                    change
                        .access_list
                        .unwrap_or_default()
                        .iter()
                        .map(|entry| format!("<string>{}</string>", escape(entry))),
                );
                format!(
                    "<SetParameterAttributesStruct><Name>{}</Name>\
                     <NotificationChange>{}</NotificationChange>\
                     <Notification>{}</Notification>\
                     <AccessListChange>{}</AccessListChange>{access_list}\
                     </SetParameterAttributesStruct>",
                    escape(change.name),
                    self.boolean(change.notification.is_some()),
                    change.notification.unwrap_or_default(),
                    self.boolean(change.access_list.is_some()),
                )
            }),
        );
        self.method("SetParameterAttributes", &list)
    }

    /// AddObject or DeleteObject, as `method` says.
    pub fn object(&self, method: &str, name: &str, key: &str) -> String {
        self.method(
            method,
            &format!(
                "<ObjectName>{}</ObjectName><ParameterKey>{}</ParameterKey>",
                escape(name),
                escape(key)
            ),
        )
    }

    /// AddObject.
    pub fn add_object(&self, name: &str, key: &str) -> String {
        self.object("AddObject", name, key)
    }

    /// DeleteObject.
    pub fn delete_object(&self, name: &str, key: &str) -> String {
        self.object("DeleteObject", name, key)
    }

    /// FactoryReset.
    pub fn factory_reset(&self) -> String {
        self.method("FactoryReset", "")
    }

    /// ScheduleInform.
    pub fn schedule_inform(&self, delay_seconds: u32, key: &str) -> String {
        self.method(
            "ScheduleInform",
            &format!(
                "<DelaySeconds>{delay_seconds}</DelaySeconds><CommandKey>{}</CommandKey>",
                escape(key)
            ),
        )
    }

    /// ScheduleDownload; the windows take the place of DelaySeconds.
    pub fn schedule_download(&self, transfer: &Transfer<'_>, windows: &[Window<'_>]) -> String {
        let list = self.array(
            "TimeWindowList",
            &format!("{}:TimeWindowStruct", self.cwmp),
            windows.iter().map(|window| {
                format!(
                    "<TimeWindowStruct><WindowStart>{}</WindowStart><WindowEnd>{}</WindowEnd>\
                     <WindowMode>{}</WindowMode><UserMessage>{}</UserMessage>\
                     <MaxRetries>{}</MaxRetries></TimeWindowStruct>",
                    window.start,
                    window.end,
                    escape(window.mode),
                    escape(window.user_message),
                    window.max_retries
                )
            }),
        );
        self.method(
            "ScheduleDownload",
            &format!(
                "{}<FileSize>{}</FileSize><TargetFileName></TargetFileName>{list}",
                transfer.arguments(),
                transfer.file_size
            ),
        )
    }

    /// CancelTransfer.
    pub fn cancel_transfer(&self, key: &str) -> String {
        self.method(
            "CancelTransfer",
            &format!("<CommandKey>{}</CommandKey>", escape(key)),
        )
    }

    /// Reboot.
    pub fn reboot(&self, key: &str) -> String {
        self.method(
            "Reboot",
            &format!("<CommandKey>{}</CommandKey>", escape(key)),
        )
    }

    /// Download, at once and without a name for the file.
    pub fn download(&self, transfer: &Transfer<'_>) -> String {
        self.download_after(transfer, 0, "")
    }

    /// Download after so many seconds, with the name that the file should get.
    pub fn download_after(
        &self,
        transfer: &Transfer<'_>,
        delay_seconds: u32,
        target_file_name: &str,
    ) -> String {
        self.method(
            "Download",
            &format!(
                "{}<FileSize>{}</FileSize><TargetFileName>{}</TargetFileName>\
                 <DelaySeconds>{delay_seconds}</DelaySeconds><SuccessURL></SuccessURL>\
                 <FailureURL></FailureURL>",
                transfer.arguments(),
                transfer.file_size,
                escape(target_file_name),
            ),
        )
    }

    /// Upload at once.
    pub fn upload(&self, transfer: &Transfer<'_>) -> String {
        self.upload_after(transfer, 0)
    }

    /// Upload after so many seconds.
    pub fn upload_after(&self, transfer: &Transfer<'_>, delay_seconds: u32) -> String {
        self.method(
            "Upload",
            &format!(
                "{}<DelaySeconds>{delay_seconds}</DelaySeconds>",
                transfer.arguments(),
            ),
        )
    }

    /// A truth value as this style writes it.
    pub fn boolean(&self, value: bool) -> &'static str {
        match (self.literal_booleans, value) {
            (true, true) => "true",
            (true, false) => "false",
            (false, true) => "1",
            (false, false) => "0",
        }
    }

    fn names(&self, names: &[&str]) -> String {
        self.array(
            "ParameterNames",
            "xsd:string",
            names
                .iter()
                .map(|name| format!("<string>{}</string>", escape(name))),
        )
    }

    fn array(&self, element: &str, kind: &str, items: impl Iterator<Item = String>) -> String {
        let items: Vec<String> = items.collect();
        format!(
            "<{element} {}:arrayType=\"{kind}[{}]\">{}</{element}>",
            self.encoding,
            items.len(),
            items.concat()
        )
    }
}

/// What stands in the header of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heading<'a> {
    /// CWMP namespace when the style fixes none.
    pub namespace: &'a str,
    /// `cwmp:ID`.
    pub id: Option<&'a str>,
    /// `cwmp:HoldRequests`.
    pub hold_requests: Option<bool>,
    /// More header blocks, written as they are.
    pub more: &'a str,
}

/// One entry of a SetParameterAttributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeChange<'a> {
    /// Full or partial path.
    pub name: &'a str,
    /// New Notification; `None`: NotificationChange is false and the element is empty.
    pub notification: Option<&'a str>,
    /// New AccessList; `None`: AccessListChange is false and the list is empty.
    pub access_list: Option<&'a [&'a str]>,
}

/// The arguments of a Download, ScheduleDownload or Upload that tests vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transfer<'a> {
    /// CommandKey.
    pub command_key: &'a str,
    /// `3 Vendor Configuration File`.
    pub file_type: &'a str,
    /// Where the file is or goes.
    pub url: &'a str,
    /// User name for the file server.
    pub username: &'a str,
    /// Password for the file server.
    pub password: &'a str,
    /// FileSize of a Download; 0: not known.
    pub file_size: u32,
}

/// A window of a ScheduleDownload; numbers as text, so that a script can send what is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window<'a> {
    /// WindowStart, seconds from receipt.
    pub start: &'a str,
    /// WindowEnd, seconds from receipt.
    pub end: &'a str,
    /// `1 At Any Time`.
    pub mode: &'a str,
    /// UserMessage.
    pub user_message: &'a str,
    /// MaxRetries; `-1`: as many as needed.
    pub max_retries: &'a str,
}

impl Transfer<'_> {
    fn arguments(&self) -> String {
        format!(
            "<CommandKey>{}</CommandKey><FileType>{}</FileType><URL>{}</URL>\
             <Username>{}</Username><Password>{}</Password>",
            escape(self.command_key),
            escape(self.file_type),
            escape(self.url),
            escape(self.username),
            escape(self.password)
        )
    }
}
