//! The fault catalogue of the line itself.

crate::fault_codes! {
    /// The chip at the position is not in any supplier's list.
    UNKNOWN_BLANK = "JOB-001", Card, false,
        "the blank is not in the stock list", "phôi không có trong danh sách kho",
        "Put it aside and tell the shift supervisor.", "Để riêng và báo trưởng ca.";
    /// The chip was bound to another attempt before: a card went back into the feeder.
    USED_BLANK = "JOB-002", Operator, false,
        "this card was used before", "thẻ này đã được sử dụng",
        "Take it out of the feeder: it is spoiled.", "Lấy khỏi khay nạp: thẻ này là thẻ hỏng.";
    /// What was read back differs from the dossier that was approved.
    CONTENT_DIFFERS = "JOB-003", Card, false,
        "the chip's content differs from the approved dossier", "nội dung chip khác hồ sơ đã duyệt",
        "The card is spoiled; a new attempt follows.", "Thẻ hỏng; sẽ làm lại.";
    /// An authentication of the read-back failed.
    NOT_AUTHENTIC = "JOB-004", Card, false,
        "the chip does not pass inspection", "chip không đạt kiểm tra",
        "The card is spoiled; a new attempt follows.", "Thẻ hỏng; sẽ làm lại.";
    /// A crash or an outage left the outcome of printing unknown.
    PRINT_IN_DOUBT = "JOB-005", Device, false,
        "nobody knows whether this card was printed", "không rõ thẻ đã in hay chưa",
        "The card is spoiled: a card is never printed twice.", "Thẻ hỏng: không bao giờ in hai lần.";
    /// A step is in doubt and the device cannot say.
    STEP_IN_DOUBT = "JOB-006", Device, false,
        "the outcome of a step is unknown", "không rõ kết quả một bước",
        "Take the card out and tap it at a desk.", "Lấy thẻ ra và chạm tại bàn kiểm tra.";
    /// Another chip is at the position than the one that was bound.
    WRONG_CHIP = "JOB-007", Device, false,
        "another chip is at the position", "chip khác đang ở vị trí này",
        "Both cards are put aside; check the reader pairing.", "Để riêng cả hai thẻ; kiểm tra ghép nối đầu đọc.";
    /// The printer printed more than was asked.
    TOO_MANY_PRINTS = "JOB-008", Device, false,
        "the printer printed more panels than it was sent", "máy in in nhiều hơn số lệnh",
        "The machine is stopped: look for a twin card.", "Máy dừng: tìm thẻ in trùng.";
    /// Law 6: too many failures of one class.
    BRAKE = "JOB-009", Device, false,
        "too many failures in a row: the position is stopped", "quá nhiều lỗi liên tiếp: dừng vị trí",
        "Find the cause, then resume the machine.", "Tìm nguyên nhân rồi cho máy chạy tiếp.";
    /// The registry has the order on its stop list.
    STOPPED_BY_REGISTRY = "JOB-010", Registry, false,
        "the registry has stopped this order", "cơ quan quản lý đã dừng hồ sơ này",
        "The card, if any, goes to the reject box.", "Thẻ (nếu có) vào hộp loại.";
    /// The stop list is older than its bound.
    STALE_STOP_LIST = "JOB-011", Registry, true,
        "the stop list is too old to bind new cards", "danh sách dừng quá cũ",
        "Check the connection to the registry.", "Kiểm tra kết nối với cơ quan quản lý.";
    /// The desk was shown a card that is not the one it should be.
    WRONG_CARD = "JOB-012", Operator, false,
        "this card does not belong here now", "thẻ này không thuộc vị trí này",
        "Put it aside and tap it for where it belongs.", "Để riêng và chạm để biết nơi đúng.";
    /// Face and chip name different people or cards.
    FACE_DIFFERS = "JOB-013", Card, false,
        "face and chip do not belong together", "mặt thẻ và chip không khớp",
        "Put the card aside; the machine is checked for a mix-up.", "Để riêng; kiểm tra máy có lẫn thẻ.";
    /// The face cannot be read.
    FACE_UNREADABLE = "JOB-014", Card, false,
        "the face cannot be read", "không đọc được mặt thẻ",
        "Scan again; if it fails again the card is spoiled.", "Quét lại; nếu vẫn lỗi thì thẻ hỏng.";
    /// Too many attempts at one order.
    TOO_MANY_ATTEMPTS = "JOB-015", Card, false,
        "the order has failed too often", "hồ sơ đã lỗi quá nhiều lần",
        "A person must decide: cardwright order show.", "Cần người quyết định: cardwright order show.";
    /// A transition the rules forbid.
    ILLEGAL = "JOB-016", Bug, false,
        "a step was attempted out of order", "bước thực hiện sai thứ tự",
        "The position is stopped; report this with the log.", "Vị trí dừng; báo lỗi kèm nhật ký.";
    /// A stock move that would make a count negative.
    STOCK = "JOB-017", Operator, false,
        "the stock does not hold that many blanks there", "kho không có đủ số phôi",
        "Count again, then enter what was counted.", "Đếm lại rồi nhập số đếm được.";
    /// The machine has no blanks.
    FEEDER_EMPTY = "JOB-018", Operator, true,
        "the feeder is empty", "khay nạp hết phôi",
        "Load a pack: cardwright stock load.", "Nạp phôi: cardwright stock load.";
    /// Stopping: the work was not begun.
    STOPPING = "JOB-019", Operator, true,
        "the line is stopping", "dây chuyền đang dừng",
        "Start it again to continue.", "Khởi động lại để tiếp tục.";
    /// A counted card is not in the output.
    MISSING_CARD = "JOB-020", Operator, false,
        "a card that should be here is not", "thiếu một thẻ",
        "Look for it; two people may declare it not found.", "Tìm thẻ; hai người mới được khai không tìm thấy.";
    /// The position was stopped when the controller before this one ended: a restart removes no cause.
    STILL_STOPPED = "JOB-021", Operator, false,
        "the position was stopped before the restart", "vị trí đã dừng từ trước khi khởi động lại",
        "Remove the cause, then let it go on: cardwright position resume.",
        "Khắc phục nguyên nhân rồi cho chạy tiếp: cardwright position resume.";
    /// A box does not hold as many cards as the books say.
    BOX_MISCOUNT = "JOB-022", Operator, true,
        "the box does not hold what the books say", "số thẻ trong hộp không khớp sổ",
        "Look for the card in other boxes and in the quarantine tray, and tap it: cardwright found.",
        "Tìm thẻ trong các hộp khác và khay cách ly rồi chạm thẻ: cardwright found.";
    /// A blank that was written off came out of a feeder again.
    WRITTEN_OFF = "JOB-023", Operator, false,
        "this blank was written off", "phôi này đã bị loại khỏi sổ",
        "Take it out of the feeder and put it back into the reject box.",
        "Lấy khỏi khay nạp và bỏ lại vào hộp loại.";
    /// A card went into a box, and the label of the box was not scanned.
    LABEL_UNREAD = "JOB-024", Operator, true,
        "the label of the box was not scanned", "chưa quét nhãn hộp",
        "Let the desk go on: it asks for the card to be tapped once more.",
        "Cho bàn chạy tiếp: hệ thống sẽ yêu cầu chạm lại thẻ.";
}
