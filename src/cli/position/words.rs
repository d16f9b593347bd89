//! What a person at a machine or a desk is asked, in words.

use crate::audit::visible;
use crate::base::ids::{BoxId, LotId};
use crate::cli::codes;
use crate::port::Instruction;

/// A question in Vietnamese and English, and what its answers mean.
pub(super) struct Words {
    pub vi: String,
    pub en: String,
    /// Done, or yes.
    pub yes: [&'static str; 2],
    /// Nothing, or no; nothing else than to do it is an answer where this is none.
    pub no: Option<[&'static str; 2]>,
}

const DONE: [&str; 2] = ["xong", "done"];
const YES: [&str; 2] = ["có", "yes"];
const NO: [&str; 2] = ["không", "no"];
const CANNOT: [&str; 2] = ["không được", "it cannot be done"];
const NO_CARD: [&str; 2] = ["không có thẻ", "there is no card"];

/// What this instruction says.
pub(super) fn words(instruction: &Instruction) -> Words {
    match instruction {
        Instruction::LoadPack { pack } => {
            let pack = visible(pack.as_str());
            act(
                format!("Nạp xấp phôi {pack} vào khay cấp."),
                format!("Put pack {pack} into the feeder."),
            )
            .or(CANNOT)
        }
        Instruction::EmptyHopper { lot } => act(
            format!("Lấy hết thẻ ở khay ra, giữ nguyên thứ tự, cho vào khay của lô {lot}."),
            format!("Empty the output hopper, in its order, into the tray of lot {lot}."),
        ),
        Instruction::ClearPath => act(
            "Lấy thẻ còn trong máy ra, cho vào khay cách ly. Không có thẻ thì thôi.",
            "Take out whatever card is still in the machine and put it into the quarantine tray. There may be none.",
        ),
        Instruction::ClearReader => act(
            "Nếu có thẻ trên đầu đọc, trả về đúng khay của nó.",
            "If a card lies on the reader, put it back into the tray it came from.",
        ),
        Instruction::TakeTray { lot } => tray(*lot),
        Instruction::NextCard => act(
            "Đặt thẻ kế tiếp của khay lên đầu đọc và quét hai mặt.",
            "Put the next card of the tray on the reader and scan both faces.",
        )
        .or(["khay đã hết thẻ", "the tray is empty"]),
        Instruction::ScanAgain => act(
            "Quét lại hai mặt thẻ đang trên đầu đọc.",
            "Scan both faces of the card on the reader again.",
        )
        .or(CANNOT),
        Instruction::PutInBox { label, slot } => {
            let label = name(label);
            act(
                format!("Cho thẻ vào hộp {label}, vị trí {slot}, rồi quét nhãn của hộp đó."),
                format!("Put the card into box {label} as number {slot}, then scan the label of the box it lies in."),
            )
            .or(CANNOT)
        }
        Instruction::ScanLabel => act(
            "Quét nhãn của hộp chứa thẻ vừa cho vào.",
            "Scan the label of the box in which the last card lies.",
        )
        .or(CANNOT),
        Instruction::TakeBack { label } => {
            let label = name(label);
            act(
                format!("Nhầm hộp! Lấy thẻ vừa cho vào hộp {label} ra và đặt lên đầu đọc."),
                format!("The wrong box! Take the last card out of box {label} and put it onto the reader."),
            )
        }
        Instruction::Reject { code } => {
            let [vi, en] = reason(code);
            act(
                format!("Thẻ hỏng: cho vào hộp loại. {vi}"),
                format!("The card is waste: put it into the reject box. {en}"),
            )
        }
        Instruction::PutAside { code } => {
            let [vi, en] = reason(code);
            act(
                format!("Cho thẻ vào khay cách ly. {vi}"),
                format!("Put the card into the quarantine tray. {en}"),
            )
        }
        Instruction::LookInBox { label, slot } => {
            let label = name(label);
            question(
                format!("Trong hộp {label}, ở vị trí {slot} có thẻ không?"),
                format!("Does a card lie in box {label} as number {slot}?"),
            )
        }
        Instruction::TakeOut { label, slot } => {
            let label = name(label);
            act(
                format!("Lấy thẻ số {slot} khỏi hộp {label}, cho vào hộp loại."),
                format!("Take card number {slot} out of box {label} and put it into the reject box."),
            )
        }
        Instruction::TurnTray { lot } => act(
            format!("Khay của lô {lot} bị ngược: trả thẻ về khay và xoay khay lại."),
            format!("The tray of lot {lot} lies the wrong way round: put the card back and turn the tray."),
        ),
        Instruction::CountBox { label, cards } => {
            let label = name(label);
            question(
                format!("Đếm thẻ trong hộp {label}: có đúng {cards} thẻ không?"),
                format!("Count the cards in box {label}: are there exactly {cards}?"),
            )
        }
        Instruction::PickFromBox { label, slot } => {
            let label = name(label);
            act(
                format!(
                    "Cất thẻ đang trên đầu đọc. Lấy thẻ số {slot} trong hộp {label} đặt lên đầu đọc và quét hai mặt."
                ),
                format!(
                    "Put away what is on the reader. Take card number {slot} out of box {label}, put it on the reader \
                     and scan both faces."
                ),
            )
            .or(NO_CARD)
        }
        Instruction::CloseBox { label } => {
            let label = name(label);
            act(
                format!("Đóng hộp {label} và dán bảng kê lên hộp."),
                format!("Close box {label} and stick its manifest on it."),
            )
        }
    }
}

fn tray(lot: LotId) -> Words {
    act(
        format!("Mang khay của lô {lot} đến bàn."),
        format!("Bring the tray of lot {lot}."),
    )
    .or(["khay không có thẻ", "there is no card in it"])
}

fn act(vi: impl Into<String>, en: impl Into<String>) -> Words {
    Words {
        vi: vi.into(),
        en: en.into(),
        yes: DONE,
        no: None,
    }
}

fn question(vi: String, en: String) -> Words {
    Words {
        yes: YES,
        ..act(vi, en).or(NO)
    }
}

impl Words {
    fn or(self, no: [&'static str; 2]) -> Self {
        Self { no: Some(no), ..self }
    }
}

fn name(label: &BoxId) -> String {
    visible(label.as_str())
}

/// Why, by the catalogue.
fn reason(code: &str) -> [String; 2] {
    match codes::find(code) {
        Some(known) => [
            format!("({code}: {})", known.vi),
            format!("({code}: {})", known.en),
        ],
        None => [format!("({})", visible(code)), format!("({})", visible(code))],
    }
}
