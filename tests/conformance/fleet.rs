//! The phones of the checks and their files.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::variant::Variant;

/// From this number on phones have no address of their own to listen at.
const FIRST_OF_A_CROWD: u16 = 200;

/// Who made a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vendor {
    Grandstream,
    Htek,
    Aastra,
}

/// One phone of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phone {
    vendor: Vendor,
    check: u16,
    which: u16,
    variant: Variant,
}

impl Phone {
    /// The phone of a check in this thread's variant. The shared gateway has the numbers 0 and 1
    /// of each check; a private one has as many as it is told to.
    pub(crate) fn of_check(check: u16, which: u16) -> Self {
        let vendor = match check % 3 {
            0 => Vendor::Grandstream,
            1 => Vendor::Htek,
            _ => Vendor::Aastra,
        };
        Self {
            vendor,
            check,
            which,
            variant: Variant::current(),
        }
    }

    /// The same place in the fleet with a phone of this vendor.
    pub(crate) fn made_by(self, vendor: Vendor) -> Self {
        Self { vendor, ..self }
    }

    /// Twelve lower-case hex digits; of the first phones of a check the last four are its number.
    pub(crate) fn mac(self) -> String {
        let oui = match self.vendor {
            Vendor::Grandstream => "000b82",
            Vendor::Htek => "001fc1",
            Vendor::Aastra => "00085d",
        };
        match self.which {
            0 | 1 => format!("{oui}{:02x}{:04}", self.which, self.check),
            which => format!("{oui}{:06x}", 0x80_0000 + u32::from(which)),
        }
    }

    /// The SerialNumber that the ACS sees.
    pub(crate) fn serial(self) -> String {
        self.mac().to_ascii_uppercase()
    }

    /// Its loopback address: its own, but for phones of a crowd, which only fetch.
    pub(crate) fn address(self) -> Ipv4Addr {
        let network = self.variant.network();
        let [high, low] = self.which.to_be_bytes();
        match self.which {
            0..FIRST_OF_A_CROWD => {
                let check = u8::try_from(self.check).expect("ids are below 256");
                Ipv4Addr::new(127, network, low, check)
            }
            _ => Ipv4Addr::new(127, 100 + network, high, low),
        }
    }

    /// Its User-Agent.
    pub(crate) fn user_agent(self) -> String {
        self.user_agent_with(self.version())
    }

    /// The firmware that it runs out of the box.
    pub(crate) fn version(self) -> &'static str {
        match self.vendor {
            Vendor::Grandstream => "1.0.7.97",
            Vendor::Htek => "2.0.4.2",
            Vendor::Aastra => "3.2.2.6038",
        }
    }

    /// Its User-Agent when it runs firmware of this version.
    pub(crate) fn user_agent_with(self, version: &str) -> String {
        match self.vendor {
            Vendor::Grandstream => format!(
                "Grandstream Model HW GXP2135 SW {version} DevId {}",
                self.mac()
            ),
            Vendor::Htek => format!("Htek UC926 {version} {}", self.parted(":")),
            Vendor::Aastra => format!(
                "Aastra6757i MAC:{} V:{version}-SIP",
                self.parted("-").to_ascii_uppercase()
            ),
        }
    }

    /// The name of its file.
    pub(crate) fn file_name(self) -> String {
        match self.vendor {
            Vendor::Grandstream | Vendor::Htek => format!("cfg{}.xml", self.mac()),
            Vendor::Aastra => format!("{}.cfg", self.mac().to_ascii_uppercase()),
        }
    }

    /// Its SIP password; it must never be seen by an ACS.
    pub(crate) fn sip_password(self) -> String {
        format!("sipsecret{}x{}", self.check, self.which)
    }

    /// Its file in the tree.
    pub(crate) fn file(self) -> String {
        let (user, password) = (2000 + self.check, self.sip_password());
        match self.vendor {
            Vendor::Grandstream => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<gs_provision version=\"1\">\n\
                 <mac>{}</mac>\n<config version=\"1\">\n<!-- account 1 -->\n<P271>1</P271>\n\
                 <P47>sip.example.org</P47>\n<P35>{user}</P35>\n<P36>{user}</P36>\n\
                 <P34>{password}</P34>\n<P3>Desk {user}</P3>\n</config>\n</gs_provision>\n",
                self.mac()
            ),
            Vendor::Htek => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<hl_provision version=\"1\">\n\
                 <config version=\"1\">\n<!--Account1/Basic-->\n\
                 <P271 para=\"Account1.Active\">1</P271>\n\
                 <P47 para=\"Account1.Sipserver\">sip.example.org</P47>\n\
                 <P35 para=\"Account1.SipUserId\">{user}</P35>\n\
                 <P36 para=\"Account1.AuthenticateID\">{user}</P36>\n\
                 <P34 para=\"Account1.AuthenticatePassword\">{password}</P34>\n\
                 <P3 para=\"Account1.DispalyName\">Desk {user}</P3>\n\
                 </config>\n</hl_provision>\n"
            ),
            Vendor::Aastra => format!(
                "# desk {user}\nsip line1 auth name: {user}\nsip line1 password: {password}\n\
                 sip line1 user name: {user}\nsip line1 display name: Desk {user}\n\
                 sip line1 proxy ip: sip.example.org\nsip line1 registrar ip: sip.example.org\n"
            ),
        }
    }

    fn parted(self, separator: &str) -> String {
        let mac = self.mac();
        let pairs: Vec<&str> = (0..6).map(|at| &mac[2 * at..2 * at + 2]).collect();
        pairs.join(separator)
    }
}

/// Writes the files of phones into a folder.
pub(crate) fn write_tree(folder: &Path, phones: impl Iterator<Item = Phone>) -> io::Result<()> {
    for phone in phones {
        fs::write(folder.join(phone.file_name()), phone.file())?;
    }
    Ok(())
}
