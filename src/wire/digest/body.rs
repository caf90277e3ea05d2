//! The body that a Digest answer may cover (`qop=auth-int`).

/// A request's body, whole or in pieces.
pub trait BodyPieces {
    /// Gives all of it to `take`, piece by piece and in order.
    fn feed(&self, take: &mut dyn FnMut(&[u8]));
}

impl<T: AsRef<[u8]>> BodyPieces for T {
    fn feed(&self, take: &mut dyn FnMut(&[u8])) {
        take(self.as_ref());
    }
}
