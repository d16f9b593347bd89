//! A line that stops does not wait for people who have gone.

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;

use crate::base::Fault;
use crate::base::limits::STOPPING_PATIENCE;
use crate::job::fault::STOPPING;
use crate::port::{Answer, Instruction, Screen};

use super::Line;

/// A screen whose questions end soon after the line is told to stop. What the person did without saying so is found out
/// at the next start, as after a crash.
pub(super) struct Patient {
    line: Arc<Line>,
    screen: Box<dyn Screen>,
}

impl Patient {
    pub(super) fn new(line: &Arc<Line>, screen: Box<dyn Screen>) -> Box<Self> {
        let line = Arc::clone(line);
        Box::new(Self { line, screen })
    }
}

#[async_trait]
impl Screen for Patient {
    async fn ask(&mut self, instruction: &Instruction) -> Result<Answer, Fault> {
        // A box that is being closed is closed: its papers are signed, and draining ends with this.
        if matches!(
            instruction,
            Instruction::CloseBox { .. } | Instruction::TakeOut { .. }
        ) {
            return self.screen.ask(instruction).await;
        }
        let mut asked = pin!(self.screen.ask(instruction));
        tokio::select! {
            biased;
            answer = asked.as_mut() => return answer,
            () = self.line.stopped() => {}
        }
        let answer = self.line.clock.within(STOPPING_PATIENCE, asked).await;
        answer.unwrap_or_else(|| Err(Fault::new(&STOPPING, "nobody answers the screen")))
    }
}
