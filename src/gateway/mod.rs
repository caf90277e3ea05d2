//! What the product does, in verbs: import, change, transfer, observe, hand over; and the
//! scheduler, which serves both sides.

mod door;

pub use door::{
    AcsEndpoint, ConnectionRequestTarget, ControlAction, ControlJob, ControlOutcome, Credentials,
    Delivery, FetchAnswer, FetchReceipt, FetchRequest, Gateway, GatewayError, OpenSession,
    PendingTransfer, SessionOutcome, TransferDirection, TransferJob,
};
