//! The fault catalogue of the control room.

crate::fault_codes! {
    /// The request is not one.
    GARBLED = "CTL-001", Operator, true,
        "the request cannot be understood", "không hiểu được yêu cầu",
        "Use the cardwright program of the same version as the controller.",
        "Dùng chương trình cardwright cùng phiên bản với bộ điều khiển.";
    /// The request is longer than any should be.
    TOO_LONG = "CTL-002", Operator, true,
        "the request is too long", "yêu cầu quá dài",
        "Ask for less at a time.", "Chia nhỏ yêu cầu.";
    /// Another version of the wire.
    VERSION = "CTL-003", Operator, true,
        "the controller speaks another version", "bộ điều khiển dùng phiên bản khác",
        "Use the cardwright program that the controller was started with.",
        "Dùng đúng chương trình cardwright đã khởi động bộ điều khiển.";
    /// The socket cannot be made or used.
    SOCKET = "CTL-004", Operator, true,
        "the control socket cannot be used", "không dùng được socket điều khiển",
        "Check the permissions of the facility's folder, and that you run as the controller's user.",
        "Kiểm tra quyền của thư mục cơ sở và tài khoản đang chạy.";
    /// Somebody answers on the socket already.
    ANSWERED = "CTL-005", Operator, true,
        "another controller answers on this control socket", "bộ điều khiển khác đang dùng socket này",
        "Stop it first: one controller for one facility's folder.",
        "Dừng bộ điều khiển đó trước: mỗi thư mục cơ sở chỉ một bộ điều khiển.";
    /// No answer in time.
    SLOW = "CTL-006", Device, false,
        "the answer does not come in time", "không nhận được trả lời kịp thời",
        "It may still be carried out: look with cardwright status or order show before you ask again.",
        "Yêu cầu có thể vẫn được thực hiện: xem cardwright status hoặc order show trước khi hỏi lại.";
    /// A name was given where the operating system's word counts.
    NAMED = "CTL-007", Operator, true,
        "only in a rehearsal may a request name its person", "chỉ trong diễn tập mới được nêu tên người khác",
        "Leave --as out: in production each person uses an account of their own.",
        "Bỏ --as: khi sản xuất mỗi người dùng tài khoản riêng.";
    /// An act for two people.
    ALONE = "CTL-008", Operator, true,
        "this needs two different people", "việc này cần hai người khác nhau",
        "Let a second person give the very same command.", "Người thứ hai gõ đúng lệnh này.";
    /// Nothing has this name.
    UNKNOWN = "CTL-009", Operator, true,
        "nothing is known by this name", "không tìm thấy",
        "Give an order (O0000042), a registry request, a personal number, a blank, a chip or a box.",
        "Nhập số hồ sơ (O0000042), mã yêu cầu, số định danh, số phôi, mã chip hoặc nhãn hộp.";
    /// A reason that must not stand in the ledger.
    REASON = "CTL-010", Operator, true,
        "this reason cannot be recorded", "không thể ghi lý do này",
        "Give a short reason in one line, without names and numbers of people.",
        "Nêu lý do ngắn gọn trên một dòng, không có tên hay số của người dân.";
    /// A day that is still to come.
    NOT_YET = "CTL-074", Operator, true,
        "this day is still to come", "ngày này chưa đến",
        "Ask for today, or for a day that has passed.", "Hỏi ngày hôm nay hoặc một ngày đã qua.";
    /// No such machine.
    NO_MACHINE = "CTL-011", Operator, true,
        "no machine or desk has this name", "không có máy hoặc bàn này",
        "See the names with cardwright position list.", "Xem tên bằng cardwright position list.";
    /// The position runs.
    NOT_STOPPED = "CTL-012", Operator, true,
        "the position is not stopped", "vị trí này không bị dừng",
        "See what it does with cardwright position list.", "Xem trạng thái bằng cardwright position list.";
    /// A file that is no dossier.
    FILE = "CTL-013", Operator, true,
        "the file cannot be read", "không đọc được tệp",
        "Check that it exists, that the controller may read it, and that it is no larger than 4 MiB.",
        "Kiểm tra tệp tồn tại, bộ điều khiển đọc được và không lớn hơn 4 MiB.";
    /// Too many acts wait for their second person.
    CROWDED = "CTL-014", Operator, true,
        "too many acts wait for a second person", "quá nhiều việc đang chờ người thứ hai",
        "Finish those first.", "Hoàn tất các việc đó trước.";
    /// It has been done already, or is so already.
    ALREADY = "CTL-015", Operator, true,
        "it is so already", "đã như vậy rồi",
        "Nothing needs to be done.", "Không cần làm gì.";
    /// Nobody is there who could do it now.
    NOT_RUNNING = "CTL-016", Operator, true,
        "this needs a running controller", "việc này cần bộ điều khiển đang chạy",
        "Start it: cardwright run.", "Khởi động: cardwright run.";
    /// A handler did not come to its end.
    BROKEN = "CTL-017", Bug, false,
        "the request was not carried out to its end", "yêu cầu không được thực hiện đến cùng",
        "Look with cardwright status or order show what was recorded, and report this with the log.",
        "Xem cardwright status hoặc order show để biết điều đã ghi, và báo lỗi kèm nhật ký.";
    /// A person stopped a position.
    BY_HAND = "CTL-018", Operator, true,
        "a person stopped this position", "người vận hành đã dừng vị trí này",
        "Let it go on with cardwright position resume.", "Cho chạy tiếp bằng cardwright position resume.";
    /// An order without a good card.
    NO_CARD = "CTL-019", Operator, true,
        "this order has no good card yet", "đơn này chưa có thẻ đạt",
        "See how far it is: cardwright order show.", "Xem tiến độ: cardwright order show.";
    /// A rehearsal's command names a person as no account is called.
    NO_NAME = "CTL-075", Operator, true,
        "this is not the name of an account", "đây không phải tên tài khoản",
        "Use letters, digits, dot, dash and underscore, 32 at most.",
        "Chỉ dùng chữ cái không dấu, chữ số, dấu chấm, gạch ngang và gạch dưới, tối đa 32 ký tự.";
    /// Two screens of one position would ask two people.
    SCREEN_TAKEN = "CTL-077", Operator, true,
        "this position's screen is open already", "màn hình của vị trí này đã mở",
        "Use that one, or close it first.", "Dùng màn hình đó hoặc đóng nó trước.";
}
