//! What the ACS of a test does in many sessions.

use trestle::sim::acs::Session;

/// Brings a session to a good end whose Inform waits for its answer.
pub(crate) async fn finish(mut session: Session<'_>) {
    session.begin().await.unwrap();
    session.end().unwrap();
}
