//! The header of a binary file, and the NULs at its end (grandstream.md 1.4).

use crate::native::edit::EditError;
use crate::native::parsed::Parsed;
use crate::native::problem::ProblemKind;

pub(super) const HEADER_LENGTH: usize = 16;
/// Ends the header.
const LINE_ENDS: &[u8] = b"\r\n\r\n";
/// The sum over a file of which the checksum does not count these line ends.
pub(super) const SUM_OF_LINE_ENDS: u16 = 0x1a14;

/// Brings padding, length and checksum in line with a changed body, in the manner of the file as
/// it was.
///
/// # Errors
/// If bytes were missing at the end of the file: with a right length the phone would take the
/// remaining part for the whole.
pub(super) fn finish(before: &[u8], mut edited: Vec<u8>) -> Result<Vec<u8>, EditError> {
    let header = Header::of(before).ok_or(EditError::Unreadable)?;
    if header.announced() > before.len() as u64 {
        return Err(EditError::Truncated);
    }
    let padding = Padding::of(before);
    let end = edited
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    edited.truncate(end.max(HEADER_LENGTH));
    let length = padding.length(edited.len());
    edited.resize(length, 0);
    let words = u32::try_from(length / 2).map_err(|_| EditError::TooLarge)?;
    let target = match header.checksum_style(before) {
        ChecksumStyle::WithoutLineEnds => SUM_OF_LINE_ENDS,
        ChecksumStyle::Right | ChecksumStyle::Wrong => 0,
    };
    overwrite(&mut edited, 0, &words.to_be_bytes());
    overwrite(&mut edited, 4, &[0, 0]);
    let checksum = target.wrapping_sub(sum(&edited));
    overwrite(&mut edited, 4, &checksum.to_be_bytes());
    Ok(edited)
}

pub(super) fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(at).zip(with) {
        *byte = *new;
    }
}

/// Length and checksum as they stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    words: u32,
    checksum: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChecksumStyle {
    /// The sum over the file is 0.
    Right,
    /// One server's: the two line ends are not counted (grandstream.md 1.4).
    WithoutLineEnds,
    Wrong,
}

impl Header {
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let &[w0, w1, w2, w3, c0, c1, ..] = bytes.get(..HEADER_LENGTH)? else {
            return None;
        };
        bytes.get(12..HEADER_LENGTH)?.eq(LINE_ENDS).then_some(Self {
            words: u32::from_be_bytes([w0, w1, w2, w3]),
            checksum: u16::from_be_bytes([c0, c1]),
        })
    }

    /// Length of the file in bytes, as the header has it.
    fn announced(self) -> u64 {
        u64::from(self.words) * 2
    }

    fn checksum_style(self, bytes: &[u8]) -> ChecksumStyle {
        match sum(bytes) {
            0 => ChecksumStyle::Right,
            SUM_OF_LINE_ENDS => ChecksumStyle::WithoutLineEnds,
            _ => ChecksumStyle::Wrong,
        }
    }

    /// Tells what does not agree with the file.
    pub(super) fn check(self, bytes: &[u8], parsed: &mut Parsed) {
        let (announced, length) = (self.announced(), bytes.len() as u64);
        if announced > length {
            parsed.report(bytes.len(), ProblemKind::Truncated { announced, length });
            // Of a part of a file, the checksum says nothing.
            return;
        }
        if announced < length {
            parsed.report(0, ProblemKind::WrongLength { announced, length });
        }
        match self.checksum_style(bytes) {
            ChecksumStyle::Right => {}
            ChecksumStyle::WithoutLineEnds => {
                parsed.report(4, ProblemKind::ChecksumWithoutLineEnds);
            }
            ChecksumStyle::Wrong => {
                let right = self.checksum.wrapping_sub(sum(bytes));
                let seen = self.checksum;
                parsed.report(4, ProblemKind::WrongChecksum { seen, right });
            }
        }
    }
}

/// How a file is filled up after its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Padding {
    /// To a whole number of words.
    Word,
    /// To a multiple of four bytes.
    TwoWords,
    /// With at least so many NULs.
    Fixed(usize),
}

impl Padding {
    fn of(bytes: &[u8]) -> Self {
        let padding = bytes.iter().rev().take_while(|&&byte| byte == 0).count();
        match padding {
            0 | 1 => Padding::Word,
            2 | 3 if bytes.len().is_multiple_of(4) => Padding::TwoWords,
            more => Padding::Fixed(more),
        }
    }

    /// Length of the file for this length without padding.
    fn length(self, unpadded: usize) -> usize {
        match self {
            Padding::Word => unpadded.next_multiple_of(2),
            Padding::TwoWords => unpadded.next_multiple_of(4),
            Padding::Fixed(nuls) => (unpadded + nuls).next_multiple_of(2),
        }
    }
}

/// The sum of all words; a last odd byte counts as if a NUL followed.
pub(super) fn sum(bytes: &[u8]) -> u16 {
    bytes.chunks(2).fold(0, |sum, word| {
        let high = word.first().copied().unwrap_or_default();
        let low = word.get(1).copied().unwrap_or_default();
        sum.wrapping_add(u16::from_be_bytes([high, low]))
    })
}
