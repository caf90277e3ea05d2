//! RequestDownload: a person lets a CPE ask its ACS for a file (cwmp.md T7).

use super::super::core::Gateway;
use super::super::door::GatewayError;
use crate::cwmp::RequestDownload;
use crate::device::Wish;
use crate::native::Mac;

/// Wishes that a device may have open.
const MAX_WISHES: usize = 16;
/// Limits of the message.
const MAX_FILE_TYPE: usize = 64;
const MAX_ARGUMENTS: usize = 16;
const MAX_NAME: usize = 64;
const MAX_VALUE: usize = 256;

/// A file can't be asked for.
#[derive(Debug, thiserror::Error)]
pub enum WishError {
    /// The device or the store.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The device goes to no ACS.
    #[error("phone {0} has no ACS to ask: set acs.url, and wait until the phone is announced")]
    NoAcs(Mac),
    /// The device's ACS is one that can't be asked.
    #[error(
        "the ACS of phone {mac} is not asked for files: its profile `{profile}` has \
         request_download = false"
    )]
    NotForThisAcs {
        /// The device.
        mac: Mac,
        /// The profile that says so.
        profile: String,
    },
    /// The text of a FileType.
    #[error(
        "`{0}` is no file type: write 1 to {MAX_FILE_TYPE} characters, such as \"1 Firmware \
         Upgrade Image\""
    )]
    FileType(String),
    /// Too many arguments, or one that is too long.
    #[error(
        "at most {MAX_ARGUMENTS} arguments are allowed, names of 1 to {MAX_NAME} characters, \
         values of {MAX_VALUE}"
    )]
    Arguments,
    /// The ACS has not taken those before.
    #[error("{MAX_WISHES} files are asked for already, and the ACS has not answered")]
    TooMany,
}

impl Gateway {
    /// Lets a device ask its ACS for a file, in a session that is due now.
    ///
    /// # Errors
    /// [`WishError`]; nothing is asked for then.
    pub async fn request_download(
        &self,
        mac: Mac,
        request: RequestDownload,
    ) -> Result<(), WishError> {
        let length = request.file_type.chars().count();
        let is_clean = |text: &str| !text.chars().any(char::is_control);
        if !(1..=MAX_FILE_TYPE).contains(&length) || !is_clean(&request.file_type) {
            let text = request.file_type.escape_debug().take(100).collect();
            return Err(WishError::FileType(text));
        }
        let fits = |(name, value): &(String, String)| {
            (1..=MAX_NAME).contains(&name.chars().count())
                && value.chars().count() <= MAX_VALUE
                && is_clean(name)
                && is_clean(value)
        };
        if request.arguments.len() > MAX_ARGUMENTS || !request.arguments.iter().all(fits) {
            return Err(WishError::Arguments);
        }
        self.change(mac, |draft, _| {
            let endpoint = self.endpoint(mac, &draft.record);
            let Some(endpoint) = endpoint.filter(|_| draft.record.identity.is_some()) else {
                return Err(WishError::NoAcs(mac));
            };
            if !endpoint.profile.request_download {
                let profile = endpoint.profile.name.clone();
                return Err(WishError::NotForThisAcs { mac, profile });
            }
            let cpe = &mut draft.record.cpe;
            if cpe.wishes.len() >= MAX_WISHES {
                return Err(WishError::TooMany);
            }
            let id = cpe.new_transfer_id();
            self.log(
                mac,
                format_args!("the ACS is asked for a {}", request.file_type),
            );
            cpe.wishes.push(Wish { id, request });
            draft.news = true;
            Ok(())
        })
        .await
    }
}
