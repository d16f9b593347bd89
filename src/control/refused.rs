//! What the work of the office refuses.

crate::fault_codes! {
    /// A supplier's list that cannot be right.
    LIST = "CTL-040", Operator, true,
        "the supplier's list is refused", "danh sách của nhà cung cấp bị từ chối",
        "Leave the pack sealed, and ask the supplier for a correct list.",
        "Giữ nguyên niêm phong gói và yêu cầu nhà cung cấp gửi danh sách đúng.";
    /// The pack is not where the act takes it from.
    NOT_THERE = "CTL-041", Operator, true,
        "there are not so many blanks of this pack in that place", "không có đủ phôi của gói này tại đó",
        "See where they are: cardwright stock count.", "Xem phôi đang ở đâu: cardwright stock count.";
    /// A feeder holds one pack at a time, so that a mute chip's pack is known.
    OTHER_PACK = "CTL-042", Operator, true,
        "another pack is in this feeder", "khay nạp đang có gói khác",
        "Use it up, or take it out: cardwright stock return.", "Dùng hết hoặc lấy ra: cardwright stock return.";
    /// A step of this card is under way.
    UNDER_WAY = "CTL-043", Operator, true,
        "this card is under way", "thẻ này đang được xử lý",
        "Let the machine or the desk finish with it, then give the command again.",
        "Đợi máy hoặc bàn xử lý xong rồi thử lại.";
    /// No reason of the list.
    SPOIL_CODE = "CTL-044", Operator, true,
        "this is no reason to spoil a card", "mã lý do làm hỏng thẻ không hợp lệ",
        "Choose one of those that are named.", "Chọn một mã trong danh sách.";
    /// The card is beyond what this act may change.
    BEYOND = "CTL-045", Operator, true,
        "the card is beyond this", "không còn thực hiện được với thẻ này",
        "See what it is and where it belongs: cardwright card identify.",
        "Xem thẻ là gì và thuộc đâu: cardwright card identify.";
    /// A count by hand that differs from the books.
    UNEXPLAINED = "CTL-046", Operator, true,
        "a count that differs is not explained", "chênh lệch kiểm đếm chưa được giải trình",
        "Count again, or let two people declare what is missing: cardwright stock explain.",
        "Đếm lại, hoặc hai người khai số thiếu: cardwright stock explain.";
    /// A certificate that does not belong here.
    SIGNER_REFUSED = "CTL-070", Operator, true,
        "this is no document signer for this facility", "không phải khóa ký của cơ sở này",
        "Compare certificate, HSM key and mode; see cardwright key import.",
        "So chứng thư, khóa trong HSM và chế độ; xem cardwright key import.";
    /// Nobody knows a signer of this label.
    NO_SIGNER = "CTL-071", Operator, true,
        "no document signer has this label", "không có khóa ký mang nhãn này",
        "See the labels with cardwright signer list; a new one is staged first.",
        "Xem nhãn bằng cardwright signer list; khóa mới phải được nạp chờ trước.";
    /// Cards of the lot are still in the machine.
    LOT_OPEN = "CTL-047", Operator, true,
        "cards of this lot are not finished", "lô còn thẻ chưa xong",
        "Wait for them, or dispose of those in quarantine: cardwright found.",
        "Đợi hoàn tất, hoặc xử lý thẻ cách ly: cardwright found.";
    /// The box is not at that point of its way.
    BOX = "CTL-048", Operator, true,
        "the box is not at that point", "hộp chưa ở bước đó",
        "See where it is: cardwright box list.", "Xem hộp đang ở đâu: cardwright box list.";
    /// The number is not what the books say.
    MISCOUNT = "CTL-049", Operator, true,
        "the number is not what the books say", "số đếm không khớp sổ",
        "Count again; nothing was recorded as destroyed.", "Đếm lại; chưa ghi nhận tiêu huỷ.";
    /// The registry must be told before.
    UNTOLD = "CTL-050", Registry, true,
        "the registry has not been told of these cards yet", "cơ quan quản lý chưa được báo về các thẻ này",
        "Wait until the registry answers, then give the command again.",
        "Đợi cơ quan quản lý trả lời rồi thử lại.";
    /// A box that left and did not arrive.
    BOX_LOST = "CTL-051", Operator, false,
        "the card's box was lost on its way", "hộp chứa thẻ bị mất trên đường",
        "The registry is told first; then the card is made again.", "Báo cơ quan quản lý trước, sau đó làm lại thẻ.";
    /// Taken out by a person: scratched, bent, dirty.
    DAMAGED = "CTL-060", Card, false,
        "a person found the card damaged", "người kiểm tra thấy thẻ bị hư",
        "The card is spoiled; a new attempt follows.", "Thẻ hỏng; sẽ làm lại.";
    /// Taken out by a person: the print is bad.
    MISPRINTED = "CTL-061", Card, false,
        "a person found the card badly printed", "người kiểm tra thấy thẻ in lỗi",
        "The card is spoiled; clean the printer if it happens again.", "Thẻ hỏng; làm sạch máy in nếu lặp lại.";
    /// Taken out by a person: the chip does not answer.
    MUTE = "CTL-062", Card, false,
        "a person found the chip mute", "người kiểm tra thấy chip không phản hồi",
        "The card is spoiled; a new attempt follows.", "Thẻ hỏng; sẽ làm lại.";
    /// Taken out by a person: it belongs to somebody else than it says.
    MIXED_UP = "CTL-063", Card, false,
        "a person found face and chip mixed up", "người kiểm tra thấy mặt thẻ và chip bị lẫn",
        "Stop the machine that made it, and look at its neighbours.",
        "Dừng máy đã làm thẻ và kiểm tra các thẻ liền kề.";
    /// The card on the reader is of this controller, not of the one that is lost.
    OURS = "CTL-072", Operator, true,
        "this card is of this controller's own stock", "thẻ này thuộc kho của chính bộ điều khiển này",
        "Ask what it is: cardwright card identify.", "Tra cứu thẻ: cardwright card identify.";
    /// The card on the reader does not open with the order's zone, or is not finished.
    NOT_ITS_CARD = "CTL-076", Operator, true,
        "this is not the card of that order", "đây không phải thẻ của đơn đó",
        "Find out whose it is with the machine-readable zone on its face. A chip that was never sealed is nobody's \
         card: put it with the waste, and say --not-found for the order.",
        "Xem vùng đọc máy (MRZ) trên mặt thẻ để biết thẻ của ai. Chip chưa khoá không là thẻ của ai: bỏ vào thẻ hỏng \
         và dùng --not-found cho đơn.";
    /// Taken as a sample, to be destroyed.
    SAMPLE = "CTL-064", Operator, false,
        "the card was taken as a sample", "thẻ được lấy làm mẫu kiểm tra",
        "Destroy it with the spoiled cards; a new attempt follows.", "Tiêu huỷ cùng thẻ hỏng; sẽ làm lại.";
    /// Released for an office that is not in the table, or is over without a successor.
    NO_OFFICE = "CTL-073", Operator, true,
        "nobody takes this card: its office is unknown or closed",
        "không có nơi nhận thẻ: cơ quan không rõ hoặc đã giải thể",
        "Put the office or its successor into the table of offices, start again, then release the order.",
        "Bổ sung cơ quan hoặc nơi tiếp nhận vào bảng cơ quan, khởi động lại rồi cho hồ sơ đi tiếp.";
}
