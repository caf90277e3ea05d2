//! The phones of a run and their files.
//!
//! Every value that the run changes is a word with a number in it, so that a file, or an answer of
//! the gateway, tells of itself how old it is.

use std::net::Ipv4Addr;

/// How many phones a fleet has from the start.
pub(crate) const PHONES: u16 = 16;
/// The first of those that come later, one by one.
pub(crate) const FIRST_NEWCOMER: u16 = 100;

/// One phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phone {
    number: u16,
}

impl Phone {
    pub(crate) fn new(number: u16) -> Self {
        Self { number }
    }

    pub(crate) fn number(self) -> u16 {
        self.number
    }

    /// Whether its file comes and goes by Download and Upload. The files of the others are changed
    /// by imports and by SetParameterValues.
    pub(crate) fn has_transfers(self) -> bool {
        // Of each maker's phones some.
        self.maker() == self.number / 4 % 4
    }

    fn maker(self) -> u16 {
        self.number % 4
    }

    pub(crate) fn mac(self) -> String {
        let oui = match self.maker() {
            0 => "000b82",
            1 => "001fc1",
            2 => "00085d",
            _ => "0c1105",
        };
        format!("{oui}{:06x}", 0x05_0000 + u32::from(self.number))
    }

    /// The SerialNumber that the ACS sees.
    pub(crate) fn serial(self) -> String {
        self.mac().to_ascii_uppercase()
    }

    /// Nobody answers there: a change waits until the phone comes by itself.
    pub(crate) fn address(self) -> Ipv4Addr {
        let [high, low] = self.number.to_be_bytes();
        Ipv4Addr::new(127, 65, high, low.max(1))
    }

    pub(crate) fn user_agent(self) -> String {
        match self.maker() {
            0 => format!(
                "Grandstream Model HW GXP2135 SW 1.0.7.97 DevId {}",
                self.mac()
            ),
            1 => format!("Htek UC926 2.0.4.2 {}", self.parted(":")),
            2 => format!(
                "Aastra6757i MAC:{} V:3.2.2.6038-SIP",
                self.parted("-").to_ascii_uppercase()
            ),
            _ => format!(
                "Akuvox SP-R50P 50.0.5.6 {}",
                self.parted(":").to_ascii_uppercase()
            ),
        }
    }

    pub(crate) fn file_name(self) -> String {
        match self.maker() {
            0 | 1 => format!("cfg{}.xml", self.mac()),
            2 => format!("{}.cfg", self.mac().to_ascii_uppercase()),
            _ => format!("{}.cfg", self.mac()),
        }
    }

    /// Its file: the display name `Name-A`, which the ACS changes, and the server
    /// `pbxB.example.org`, which imports change.
    pub(crate) fn file(self, name: u64, server: u64) -> Vec<u8> {
        let user = 2000 + u32::from(self.number);
        let text = match self.maker() {
            0 => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<gs_provision version=\"1\">\n\
                 <mac>{}</mac>\n<config version=\"1\">\n<!-- account 1 -->\n<P271>1</P271>\n\
                 <P47>pbx{server}.example.org</P47>\n<P35>{user}</P35>\n<P36>{user}</P36>\n\
                 <P34>sip-{user}</P34>\n<P3>Name-{name}</P3>\n{}</config>\n</gs_provision>\n",
                self.mac(),
                (0..40)
                    .map(|line| format!("<!-- {line} of the template -->\n"))
                    .collect::<String>(),
            ),
            1 => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<hl_provision version=\"1\">\n\
                 <config version=\"1\">\n<!--Account1/Basic-->\n\
                 <P271 para=\"Account1.Active\">1</P271>\n\
                 <P47 para=\"Account1.Sipserver\">pbx{server}.example.org</P47>\n\
                 <P35 para=\"Account1.SipUserId\">{user}</P35>\n\
                 <P36 para=\"Account1.AuthenticateID\">{user}</P36>\n\
                 <P34 para=\"Account1.AuthenticatePassword\">sip-{user}</P34>\n\
                 <P3 para=\"Account1.DispalyName\">Name-{name}</P3>\n\
                 </config>\n</hl_provision>\n"
            ),
            2 => format!(
                "# desk {user}\nsip line1 auth name: {user}\nsip line1 password: sip-{user}\n\
                 sip line1 user name: {user}\nsip line1 display name: Name-{name}\n\
                 sip line1 proxy ip: pbx{server}.example.org\n"
            ),
            _ => format!(
                "#!version:1.0.0.1\n# desk {user}\nConfig.Account1.GENERAL.Enable = 1\n\
                 Config.Account1.GENERAL.UserName = {user}\n\
                 Config.Account1.GENERAL.DisplayName = Name-{name}\n\
                 Config.Account1.GENERAL.AuthName = {user}\n\
                 Config.Account1.GENERAL.Pwd = sip-{user}\n\
                 Config.Account1.SIP.Server = pbx{server}.example.org\n"
            ),
        };
        text.into_bytes()
    }

    fn parted(self, separator: &str) -> String {
        let mac = self.mac();
        let pairs: Vec<&str> = (0..6).map(|at| &mac[2 * at..2 * at + 2]).collect();
        pairs.join(separator)
    }
}

/// A large file of the tree that no phone owns: the gateway keeps it beside its records.
pub(crate) const ASSET: &str = "gxp2135fw.bin";

/// What the large file holds after an import.
pub(crate) fn asset(import: u64) -> Vec<u8> {
    let line = format!("image {import} of nothing in particular\n");
    let mut content = vec![0, 159, 146, 150];
    content.extend(line.repeat(2_500).as_bytes());
    content
}

/// The numbers behind a word in a text, in their order: 7 in `Name-7`.
pub(crate) fn numbers_after(text: &str, word: &str) -> Vec<u64> {
    text.match_indices(word)
        .filter_map(|(at, _)| {
            let rest = &text[at + word.len()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            rest[..digits].parse().ok()
        })
        .collect()
}
