//! The fault catalogue of the line's own housekeeping.

use crate::base::Fault;

crate::fault_codes! {
    /// A stored value does not read back.
    UNREADABLE = "LIN-001", Bug, false,
        "a stored record cannot be read", "bản ghi lưu trữ không đọc được",
        "Stop, and run cardwright audit verify.", "Dừng lại và chạy cardwright audit verify.";
    /// A profile that an order asks for is not there.
    NO_PROFILE = "LIN-002", Operator, true,
        "the card profile is not installed", "chưa cài đặt mẫu thẻ",
        "Add the profile to the facility's folder and start again.",
        "Thêm mẫu thẻ vào thư mục cơ sở rồi khởi động lại.";
    /// Chips would hold fingerprints that nobody could read, and so nobody could prove.
    NO_TERMINAL = "LIN-008", Operator, true,
        "this card holds fingerprints, and no terminal may read them",
        "thẻ này có vân tay nhưng chưa có thiết bị được phép đọc",
        "Name CVCAs and a terminal under [fingerprints] in cardwright.toml and start again.",
        "Khai báo CVCA và thiết bị đọc tại mục [fingerprints] trong cardwright.toml rồi khởi động lại.";
    /// The signature the HSM gave is wrong.
    BAD_SIGNATURE = "LIN-003", Key, false,
        "the HSM gave a signature that does not verify", "HSM trả chữ ký sai",
        "Signing is stopped: check the token and its certificate.", "Ngừng ký: kiểm tra token và chứng thư.";
    /// A signature repeats a nonce: whoever sees both can compute the private key.
    REPEATED_NONCE = "LIN-030", Key, false,
        "the HSM used a nonce twice", "HSM dùng lại một số ngẫu nhiên khi ký",
        "Signing with this key is stopped: do not start it again; replace the HSM and the key.",
        "Ngừng ký bằng khóa này: không dùng lại; thay HSM và khóa.";
    /// The system's clock is behind the time that has passed.
    CLOCK_BACKWARD = "LIN-032", Key, true,
        "the clock went back", "đồng hồ bị lùi",
        "Nothing is signed. Set the clock right, or let two people accept it: cardwright clock accept.",
        "Ngừng ký. Chỉnh lại đồng hồ hoặc hai người chấp nhận: cardwright clock accept.";
    /// The two local sources of time disagree, or one has been alone for too long.
    CLOCK_LOST = "LIN-033", Key, true,
        "the time is not certain", "thời gian không chắc chắn",
        "Nothing is signed. Compare with another clock, then two people accept it: cardwright clock accept.",
        "Ngừng ký. So với đồng hồ khác rồi hai người chấp nhận: cardwright clock accept.";
    /// The signer was taken out of use.
    SIGNER_STOPPED = "LIN-031", Key, false,
        "this document signer was taken out of use", "khóa ký này đã ngừng sử dụng",
        "Find out why with cardwright signer list; two people may activate it again.",
        "Xem lý do bằng cardwright signer list; hai người có thể kích hoạt lại.";
    /// A task ended that must not end.
    TASK = "LIN-004", Bug, false,
        "a part of the line ended by itself", "một bộ phận của dây chuyền tự kết thúc",
        "The line stops; report this with the log.", "Dây chuyền dừng; báo lỗi kèm nhật ký.";
    /// A record says what the rules forbid at that point.
    RECORD_FORBIDDEN = "LIN-010", Bug, false,
        "a ledger record says what cannot have happened", "một bản ghi sổ cái ghi điều không thể xảy ra",
        "Stop the line, keep the file as it is and call the auditor.",
        "Dừng dây chuyền, giữ nguyên tệp và báo kiểm toán.";
    /// The columns beside a record are not those of its content.
    RECORD_MISLABELLED = "LIN-011", Bug, false,
        "a ledger record is filed under a wrong name", "một bản ghi sổ cái bị xếp sai tên",
        "Stop the line, keep the file as it is and call the auditor.",
        "Dừng dây chuyền, giữ nguyên tệp và báo kiểm toán.";
    /// A state table is not what the records amount to.
    STATE_DIFFERS = "LIN-012", Bug, false,
        "a state table does not say what the records say", "bảng trạng thái không khớp với bản ghi",
        "Stop the line, keep the file as it is and call the auditor.",
        "Dừng dây chuyền, giữ nguyên tệp và báo kiểm toán.";
    /// The records grow faster than they can be compared.
    TOO_BUSY = "LIN-013", Operator, true,
        "the line is too busy to compare its books", "dây chuyền đang quá bận để đối chiếu sổ",
        "Ask again when fewer machines run.", "Thử lại khi ít máy chạy hơn.";
    /// A card is to be tapped where cards are being packed.
    DESK_BUSY = "LIN-006", Operator, true,
        "the desk is packing", "bàn đang đóng gói",
        "Finish the tray, or take the card to another desk.", "Xong khay này rồi thử lại, hoặc dùng bàn khác.";
    /// A card is to be tapped where there is no reader.
    NO_DESK = "LIN-007", Operator, true,
        "no desk has this name", "không có bàn này",
        "See the names with cardwright position list.", "Xem tên bằng cardwright position list.";
    /// The screen's answer makes no sense here.
    ANSWER = "LIN-005", Operator, true,
        "the answer at the screen does not fit the question", "câu trả lời trên màn hình không phù hợp",
        "Read the screen again.", "Đọc lại màn hình.";
    /// The blanks' chips are written through a card manager, and the facility has no masters for their keys.
    NO_MASTERS = "LIN-020", Operator, false,
        "the facility has no master keys for these chips", "cơ sở chưa có khóa chủ cho loại chip này",
        "Name them under keys.chips in the configuration.", "Khai báo tại keys.chips trong cấu hình.";
    /// The order's data was erased: its term was over, or two people asked for it.
    ERASED = "LIN-040", Dossier, false,
        "the data of this order was erased", "dữ liệu của hồ sơ này đã bị xóa",
        "A card can be made only from a new dossier: ask the office for one.",
        "Chỉ làm lại thẻ được từ hồ sơ mới: yêu cầu cơ quan gửi lại.";
    /// An order's data is still needed.
    NEEDED = "LIN-041", Operator, true,
        "the data of this order is still needed", "dữ liệu của hồ sơ này vẫn còn cần",
        "Wait until its card has left and the registry knows, or cancel the order first.",
        "Đợi thẻ rời cơ sở và cơ quan quản lý đã được báo, hoặc hủy hồ sơ trước.";
    /// The wrapping key is destroyed: what lies under it, in whichever copy, opens for nobody.
    EPOCH_GONE = "LIN-042", Key, false,
        "the key of this data's retention epoch is destroyed", "khóa của kỳ lưu giữ dữ liệu này đã bị hủy",
        "This is a copy from before: its personal data is gone for good. Use the facility's own databases.",
        "Đây là bản sao cũ: dữ liệu cá nhân đã mất vĩnh viễn. Hãy dùng cơ sở dữ liệu hiện tại.";
    /// No such epoch is open.
    NO_EPOCH = "LIN-043", Operator, true,
        "no open retention epoch has this name", "không có kỳ lưu giữ nào đang mở mang tên này",
        "See the names with cardwright privacy show.", "Xem tên bằng cardwright privacy show.";
    /// The disk has no room for more work.
    SHORT_OF_DISK = "LIN-050", Operator, true,
        "the disk has no room for more cards or dossiers", "đĩa không còn chỗ cho thẻ hoặc hồ sơ mới",
        "Cards under way are finished. Make room: work goes on by itself.",
        "Các thẻ đang làm vẫn được hoàn tất. Giải phóng đĩa: công việc tự tiếp tục.";
    /// The host has no memory for more work.
    SHORT_OF_MEMORY = "LIN-051", Operator, true,
        "there is no memory for more cards or dossiers", "không còn bộ nhớ cho thẻ hoặc hồ sơ mới",
        "Cards under way are finished. End other programs or raise the limit: work goes on by itself.",
        "Các thẻ đang làm vẫn được hoàn tất. Tắt chương trình khác hoặc nâng giới hạn: công việc tự tiếp tục.";
    /// The process may open hardly any more files.
    SHORT_OF_HANDLES = "LIN-052", Operator, true,
        "the limit of open files is nearly reached", "sắp hết giới hạn số tệp được mở",
        "Cards under way are finished. Raise the limit (ulimit -n, LimitNOFILE): work goes on by itself.",
        "Các thẻ đang làm vẫn được hoàn tất. Nâng giới hạn (ulimit -n, LimitNOFILE): công việc tự tiếp tục.";
    /// The host does not answer.
    HOST_SILENT = "LIN-053", Operator, true,
        "the host does not say in time how much room is left", "hệ thống không kịp cho biết còn bao nhiêu chỗ",
        "Look after the facility's disks: one of them hangs. Work goes on by itself.",
        "Kiểm tra các đĩa của cơ sở: có đĩa bị treo. Công việc tự tiếp tục.";
    /// Readers and machines do not belong together as the configuration says.
    SWAPPED = "LIN-021", Device, false,
        "another machine's reader sees this machine's card", "đầu đọc của máy khác nhìn thấy thẻ của máy này",
        "Put both readers back to their own USB ports, or correct the configuration; then let both machines go on.",
        "Cắm lại hai đầu đọc vào đúng cổng USB hoặc sửa cấu hình, rồi cho hai máy chạy tiếp.";
    /// Something lies in the field of a machine that has no card.
    CROWDED = "LIN-022", Device, false,
        "a card lies in the field of an empty machine", "có thẻ trong vùng đọc của máy đang trống",
        "Take it out and tap it: it would be written instead of the next blank.",
        "Lấy thẻ ra và chạm để nhận diện: thẻ này có thể bị ghi thay cho phôi kế tiếp.";
    /// Two readers see one card.
    OVERLAP = "LIN-023", Device, false,
        "two readers see the same card", "hai đầu đọc cùng nhìn thấy một thẻ",
        "Move the readers apart or shield them; then let both machines go on.",
        "Đặt hai đầu đọc xa nhau hoặc che chắn, rồi cho hai máy chạy tiếp.";
}

/// A stored value that does not read back.
pub(crate) fn unreadable(what: impl Into<String>) -> Fault {
    Fault::new(&UNREADABLE, what)
}
