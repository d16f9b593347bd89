//! `cardwright preview`: both faces of a card before it is made.

use std::path::PathBuf;

use clap::Args;

use crate::control::look::{Pictures, Request as Look};
use crate::control::{Answer, Request};
use crate::document::face::Preprinted;

use super::ask::{self, Options};

/// Arguments of `preview`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  cardwright preview O0000001 --dir /tmp

writes O0000001.front.png and O0000001.back.png, dot for dot what the printer would get: one bit a dot, 300 dots an
inch. What the blank carries already (emblem, chip) is not in them; the answer says what and where that is, in
millimetres from the upper left. The pictures hold personal data.")]
pub struct Arguments {
    /// The order, or the registry's request.
    order: String,
    /// The folder to write into.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    options: Options,
}

/// Runs the verb.
///
/// # Errors
/// When the pictures cannot be written.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let request = Request::Look(Look::Preview {
        order: arguments.order.clone(),
    });
    let Some(answer) = ask::get(&arguments.options, request)? else {
        return Ok(false);
    };
    let pictures: Pictures = serde_json::from_value(answer.data)?;
    std::fs::create_dir_all(&arguments.dir)?;
    let mut files = Vec::new();
    for (face, png) in [("front", pictures.front), ("back", pictures.back)] {
        let file = arguments.dir.join(format!("{}.{face}.png", pictures.order));
        std::fs::write(&file, png)?;
        files.push(file);
    }
    let mut lines: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    for (face, carried) in ["front", "back"].into_iter().zip(&pictures.preprinted) {
        for Preprinted { what, x, y, w, h } in carried {
            lines.push(format!(
                "{face}, on the blank already: {what}, {w} by {h} mm at {x}, {y}"
            ));
        }
    }
    let data = serde_json::json!({ "files": files, "preprinted": pictures.preprinted });
    let written = Answer::good(lines.join("\n"), data);
    Ok(ask::show(&arguments.options, Ok(written)))
}
