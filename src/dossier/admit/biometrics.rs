//! Portrait and fingers.

use super::requirements::{Biometrics, PortraitRules, Requirements};
use crate::dossier::fault;
use crate::dossier::finding::Finding;
use crate::dossier::image::{Grey, decode_grey};
use crate::dossier::record::{Capture, Dossier, Image, ImageFormat, LEFT_INDEX, RIGHT_INDEX};

/// The darkest and the lightest shade of a picture of anything are further apart.
const CONTRAST_MIN: u8 = 32;

const PORTRAIT: &str = "biometricData.FACE";

pub(super) fn check(
    dossier: &Dossier,
    requirements: &Requirements,
    rules: &PortraitRules,
    findings: &mut Vec<Finding>,
) {
    match requirements.biometrics {
        Biometrics::PortraitAndFingers => {
            match &dossier.portrait {
                Some(image) => portrait(image, rules, findings),
                None => findings.push(Finding::new(&fault::PORTRAIT_MISSING, PORTRAIT)),
            }
            fingers(dossier, findings);
        }
        Biometrics::None => {
            if dossier.portrait.is_some() {
                findings.push(Finding::new(&fault::PORTRAIT_NOT_ALLOWED, PORTRAIT));
            }
            if let Some(finger) = dossier.fingers.first() {
                findings.push(Finding::new(&fault::FINGER_NOT_ALLOWED, path(finger.position)));
            }
        }
    }
}

fn portrait(image: &Image, rules: &PortraitRules, findings: &mut Vec<Finding>) {
    if image.format == ImageFormat::Png {
        findings.push(Finding::new(&fault::IMAGE_UNREADABLE, PORTRAIT).with("PNG"));
        return;
    }
    let Some(grey) = decoded(image, PORTRAIT, findings) else {
        return;
    };
    let (width, height) = (u64::from(grey.width), u64::from(grey.height));
    let (across, down) = (u64::from(rules.proportion.0), u64::from(rules.proportion.1));
    let off = (width * down).abs_diff(height * across) * 100;
    if grey.width < rules.width_min || off > height * across * u64::from(rules.tolerance_percent) {
        let detail = format!("{width}×{height}");
        findings.push(Finding::new(&fault::PORTRAIT_SIZE, PORTRAIT).with(detail));
    }
    if is_blank(&grey) {
        findings.push(Finding::new(&fault::PORTRAIT_BLANK, PORTRAIT));
    }
}

fn fingers(dossier: &Dossier, findings: &mut Vec<Finding>) {
    for pair in dossier.fingers.windows(2) {
        if let [one, other] = pair
            && one.position == other.position
        {
            findings.push(Finding::new(&fault::FINGER_TWICE, path(one.position)));
        }
    }
    for finger in &dossier.fingers {
        match &finger.capture {
            Capture::Taken(image) => {
                decoded(image, &path(finger.position), findings);
            }
            Capture::Amputated | Capture::Unavailable => {
                findings.push(Finding::new(&fault::FINGER_EXCEPTION, path(finger.position)));
            }
        }
    }
    for index in [RIGHT_INDEX, LEFT_INDEX] {
        if !dossier.fingers.iter().any(|finger| finger.position == index) {
            findings.push(Finding::new(&fault::FINGER_MISSING, path(index)));
        }
    }
}

fn decoded(image: &Image, path: &str, findings: &mut Vec<Finding>) -> Option<Grey> {
    decode_grey(image)
        .map_err(|fault| findings.push(Finding::from_fault(fault, path)))
        .ok()
}

fn is_blank(picture: &Grey) -> bool {
    let (mut darkest, mut lightest) = (u8::MAX, 0);
    for shade in &picture.pixels {
        darkest = darkest.min(*shade);
        lightest = lightest.max(*shade);
    }
    lightest.saturating_sub(darkest) < CONTRAST_MIN
}

fn path(position: u8) -> String {
    format!("biometricData.FINGER.{position}")
}
