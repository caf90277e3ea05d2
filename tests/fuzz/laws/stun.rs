//! A datagram never makes the STUN reader panic; an answer is all of its datagram, has the id that
//! stands there, and is no connection request.

use super::stun::{self, BindingAnswer, BindingOutcome};

pub(crate) fn holds(datagram: &[u8]) {
    let Ok(answer) = BindingAnswer::parse(datagram) else {
        return;
    };
    assert!(stun::is_stun(datagram));
    assert_eq!(datagram.get(4..20), Some(answer.id.as_slice()));
    let longer = [datagram, &[0]].concat();
    assert!(BindingAnswer::parse(&longer).is_err());
    if let Some((_, shorter)) = datagram.split_last() {
        assert!(BindingAnswer::parse(shorter).is_err());
    }
    if let BindingOutcome::Refused(code) = answer.outcome {
        assert!((100..700).contains(&code));
    }
}
