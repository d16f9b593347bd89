//! What can go wrong between the controller and a PC/SC reader.

crate::fault_codes! {
    /// pcscd does not answer at its socket.
    NO_SERVICE = "PCSC-001", Device, true,
        "the smart card service does not answer", "dịch vụ thẻ thông minh không trả lời",
        "Start pcscd, or check the socket in the configuration; cardwright doctor lists what it finds.",
        "Khởi động pcscd hoặc kiểm tra socket trong cấu hình; cardwright doctor liệt kê đầu đọc.";
    /// No reader of that name, USB port or serial number is plugged in.
    NO_READER = "PCSC-002", Device, true,
        "the reader is not plugged in", "đầu đọc chưa được cắm",
        "Plug it into its own USB port; cardwright doctor lists the readers that are there.",
        "Cắm đầu đọc vào đúng cổng USB; cardwright doctor liệt kê các đầu đọc hiện có.";
    /// The configuration fits more than one reader.
    SEVERAL_READERS = "PCSC-003", Operator, true,
        "more than one reader fits the configuration", "nhiều đầu đọc cùng khớp với cấu hình",
        "Name the reader by its USB port or serial number as well.",
        "Ghi thêm cổng USB hoặc số sê-ri của đầu đọc.";
    /// Nothing in the field answers.
    NO_CARD = "PCSC-004", Device, true,
        "no card in the reader's field", "không có thẻ trong vùng đọc",
        "Look whether a card lies on the reader.", "Kiểm tra thẻ trên đầu đọc.";
    /// Another program holds the reader.
    SHARED = "PCSC-005", Device, true,
        "another program uses the reader", "chương trình khác đang dùng đầu đọc",
        "End the other program: an encoder belongs to the controller alone.",
        "Đóng chương trình kia: đầu ghi chỉ dành cho bộ điều khiển.";
    /// The card left the field between two commands, or during one.
    REMOVED = "PCSC-006", Device, false,
        "the card left the reader while it was in use", "thẻ rời đầu đọc khi đang làm việc",
        "What the chip did last is not known: look where the card lies, and tap it.",
        "Không rõ lệnh cuối của chip: tìm thẻ và chạm lại.";
    /// Somebody else reset the card.
    RESET = "PCSC-007", Device, false,
        "the card was reset by somebody else", "thẻ bị chương trình khác khởi động lại",
        "What the chip did last is not known; end the program that touched it.",
        "Không rõ lệnh cuối của chip; đóng chương trình đã chạm vào thẻ.";
    /// No answer within the deadline: the reader's process was killed.
    SILENT = "PCSC-008", Device, false,
        "the reader did not answer in time", "đầu đọc không trả lời kịp",
        "Nothing is sent again and the card is in doubt. Unplug the reader and plug it in again if this repeats.",
        "Không gửi lại, thẻ ở trạng thái nghi ngờ. Nếu lặp lại, rút đầu đọc rồi cắm lại.";
    /// One session with one chip took longer than any card may.
    TOO_SLOW = "PCSC-009", Device, false,
        "the card took longer than a card may", "thẻ được xử lý quá thời gian cho phép",
        "The reader's process was ended and the card is in doubt. Clean or replace the reader.",
        "Đã dừng tiến trình đầu đọc, thẻ ở trạng thái nghi ngờ. Vệ sinh hoặc thay đầu đọc.";
    /// The process that owns the reader is gone.
    LOST = "PCSC-010", Device, false,
        "the reader's process ended by itself", "tiến trình của đầu đọc tự kết thúc",
        "It is started again with the next card; report this with the log if it repeats.",
        "Tiến trình sẽ chạy lại với thẻ sau; nếu lặp lại, báo lỗi kèm nhật ký.";
    /// What the process said is none of its words.
    UNINTELLIGIBLE = "PCSC-011", Bug, false,
        "the reader's process talks nonsense", "tiến trình của đầu đọc trả lời sai định dạng",
        "Report this with the log.", "Báo lỗi kèm nhật ký.";
    /// A chip is there and does not answer to reset.
    MUTE = "PCSC-012", Card, true,
        "the chip does not answer to reset", "chip không trả lời tín hiệu khởi động",
        "The blank is defective: put it aside.", "Phôi bị lỗi: để riêng ra.";
    /// The reader or its driver reports trouble of its own.
    READER = "PCSC-013", Device, false,
        "the reader reports trouble", "đầu đọc báo lỗi",
        "What the chip did last is not known. Unplug the reader and plug it in again.",
        "Không rõ lệnh cuối của chip. Rút đầu đọc rồi cắm lại.";
    /// A command for a chip whose session is over.
    FIELD_OFF = "PCSC-014", Device, true,
        "the reader's field is not switched on", "chưa bật trường đầu đọc",
        "Begin again with the card on the reader.", "Bắt đầu lại với thẻ trên đầu đọc.";
    /// The program was built without PC/SC.
    NOT_BUILT = "PCSC-015", Operator, true,
        "this program was built without PC/SC", "chương trình được biên dịch không có PC/SC",
        "Install libpcsclite-dev and build with the feature pcsc.",
        "Cài libpcsclite-dev và biên dịch với tính năng pcsc.";
    /// The operating system starts no process.
    NOT_STARTED = "PCSC-016", Device, true,
        "the reader's process cannot be started", "không khởi động được tiến trình của đầu đọc",
        "Check the limits on processes and memory.", "Kiểm tra giới hạn tiến trình và bộ nhớ.";
    /// Not a command APDU.
    NO_COMMAND = "PCSC-017", Bug, false,
        "what was to be sent is no command", "dữ liệu cần gửi không phải là lệnh",
        "Report this with the log.", "Báo lỗi kèm nhật ký.";
    /// pcscd ended while a command was under way.
    SERVICE_LOST = "PCSC-018", Device, false,
        "the smart card service ended while the chip was at work", "dịch vụ thẻ thông minh dừng khi chip đang làm việc",
        "What the chip did last is not known. Start pcscd again and tap the card.",
        "Không rõ lệnh cuối của chip. Khởi động lại pcscd và chạm lại thẻ.";
    /// The reader was pulled out while a command was under way.
    UNPLUGGED = "PCSC-019", Device, false,
        "the reader was unplugged while the chip was at work", "đầu đọc bị rút khi chip đang làm việc",
        "What the chip did last is not known. Plug the reader in again and tap the card.",
        "Không rõ lệnh cuối của chip. Cắm lại đầu đọc và chạm lại thẻ.";
}
