//! The phones of the checks and their files.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

/// Highest number of a check.
const LAST_CHECK: u16 = 212;
/// Phones for each check.
const PHONES_PER_CHECK: u16 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vendor {
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
}

impl Phone {
    /// The phone of a check; `which` is 0 or 1.
    pub(crate) fn of_check(check: u16, which: u16) -> Self {
        assert!((1..=LAST_CHECK).contains(&check) && which < PHONES_PER_CHECK);
        let vendor = match check % 3 {
            0 => Vendor::Grandstream,
            1 => Vendor::Htek,
            _ => Vendor::Aastra,
        };
        Self {
            vendor,
            check,
            which,
        }
    }

    /// Twelve lower-case hex digits; the last four are the number of the check.
    pub(crate) fn mac(self) -> String {
        let oui = match self.vendor {
            Vendor::Grandstream => "000b82",
            Vendor::Htek => "001fc1",
            Vendor::Aastra => "00085d",
        };
        format!("{oui}{:02x}{:04}", self.which, self.check)
    }

    /// The SerialNumber that the ACS sees.
    pub(crate) fn serial(self) -> String {
        self.mac().to_ascii_uppercase()
    }

    /// Its own loopback address.
    pub(crate) fn address(self) -> Ipv4Addr {
        let number = self.which * 256 + self.check;
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(127, 1, high, low)
    }

    /// Its User-Agent.
    pub(crate) fn user_agent(self) -> String {
        match self.vendor {
            Vendor::Grandstream => format!(
                "Grandstream Model HW GXP2135 SW 1.0.7.97 DevId {}",
                self.mac()
            ),
            Vendor::Htek => format!("Htek UC926 2.0.4.2 {}", self.parted(":")),
            Vendor::Aastra => format!(
                "Aastra6757i MAC:{} V:3.2.2.6038-SIP",
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

/// Writes the files of all phones into a folder.
pub(crate) fn write_tree(folder: &Path) -> io::Result<()> {
    for check in 1..=LAST_CHECK {
        for which in 0..PHONES_PER_CHECK {
            let phone = Phone::of_check(check, which);
            fs::write(folder.join(phone.file_name()), phone.file())?;
        }
    }
    Ok(())
}
