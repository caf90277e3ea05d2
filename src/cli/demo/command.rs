//! The command itself: set the stage, tell the story, clear away.

use tokio::signal::unix::{SignalKind, signal};

use super::super::exit::{CommandError, Ending};
use super::super::output;
use super::stage::Stage;
use super::story;

pub(in crate::cli) async fn run(once: bool) -> Result<Ending, CommandError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut stage = Stage::set().await?;
    let told = story::tell(&mut stage).await;
    if let Err(error) = told {
        stage.strike().await;
        return Err(error);
    }
    if !once {
        output::line("");
        output::line("The gateway goes on running. Look around from another terminal:");
        for line in stage.hints() {
            output::line(&format!("  {line}"));
        }
        output::line("Ctrl-C ends it.");
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    stage.strike().await;
    Ok(Ending::Clean)
}
