//! `cardwright bench face`.

use super::people::{adults, pick};
use super::{Times, print, repeat};
use crate::document::face::{Marks, Press};
use crate::document::mrz::Mrz;
use crate::document::qr;
use crate::printer::Model;
use crate::printer::raster::{compress, from_face};

/// Runs the verb.
///
/// # Errors
/// Those of composing.
pub(super) fn main(times: Times) -> anyhow::Result<bool> {
    let (dossiers, profile) = adults()?;
    let press = Press::builtin()?;
    let size = Model::default().raster;
    let compose = |index| -> anyhow::Result<_> {
        let dossier = pick(&dossiers, index)?;
        let mrz = Mrz::compose(dossier, &profile)?;
        let qr = qr::text(dossier, &profile)?;
        let marks = Marks {
            mrz: mrz.lines(),
            qr: qr.as_deref(),
            can: None,
        };
        Ok(press.compose(&profile.face, dossier, marks, true)?)
    };
    let faces = compose(0)?;
    let composed = repeat("both faces composed", times, |index| {
        std::hint::black_box(compose(index)?);
        Ok(())
    })?;
    let packed = repeat("both panels turned and compressed", times, |_| {
        for face in [&faces.front, &faces.back] {
            let raster = from_face(face, size).ok_or_else(|| anyhow::anyhow!("a face of the wrong size"))?;
            std::hint::black_box(compress(&raster, size));
        }
        Ok(())
    })?;
    print(&[composed, packed], times)
}
