//! Randomness for segments, passwords, phases and waits.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::door::GatewayError;

/// A number of 64 random bits.
pub(super) fn number() -> Result<u64, GatewayError> {
    let mut bytes = [0_u8; 8];
    fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// A key for hashes.
pub(super) fn key() -> Result<[u8; 64], GatewayError> {
    let mut bytes = [0_u8; 64];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// A text of 128 random bits that needs no escaping anywhere.
pub(super) fn text() -> Result<String, GatewayError> {
    let mut bytes = [0_u8; 16];
    fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A number in `0..limit`; 0 for a limit of 0.
pub(super) fn below(limit: u64) -> Result<u64, GatewayError> {
    // The bias of the remainder does not matter for waits, which is all this serves.
    Ok(number()?.checked_rem(limit).unwrap_or(0))
}

fn fill(bytes: &mut [u8]) -> Result<(), GatewayError> {
    getrandom::fill(bytes).map_err(|source| GatewayError::NoRandomness {
        reason: source.to_string(),
    })
}
