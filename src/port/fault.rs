//! What an order book or the registry refuses, in whichever database it lies: the line acts on these, so they belong to
//! the contract.

crate::fault_codes! {
    /// The registry answers, and does not take a report: of a request that it does not know, for one.
    NOT_TAKEN = "REG-001", Registry, false,
        "the registry does not take what is reported of a card", "cơ quan quản lý không nhận báo cáo về thẻ",
        "Ask the authority what it has under this request: it is told again every minute; till then the box stays.",
        "Hỏi cơ quan quản lý về yêu cầu này: báo cáo được gửi lại mỗi phút; hộp của thẻ ở lại đến khi đó.";
    /// Nobody answers, or the answer was lost: whether it was done must be asked.
    AWAY = "BOOK-001", Device, true,
        "the order book does not answer", "sổ hồ sơ không trả lời",
        "Check the PostgreSQL server and the network: claimed lots go on, the rest waits and is asked again.",
        "Kiểm tra máy chủ PostgreSQL và mạng: các lô đã nhận vẫn tiếp tục, phần còn lại chờ.";
    /// The fencing token of a write is old: the order is another lot's by now.
    STALE = "BOOK-002", Operator, true,
        "another controller has this order by now", "hồ sơ này đã thuộc bộ điều khiển khác",
        "Nothing is to be done: the other controller makes the card.", "Không cần làm gì: bộ điều khiển kia sẽ in thẻ.";
    /// Another process has started under this controller's name, or two people have given this controller up.
    REPLACED = "BOOK-003", Operator, true,
        "this controller was replaced in the order book", "bộ điều khiển này đã bị thay thế trong sổ hồ sơ",
        "See who runs under its name: cardwright status on the other host.",
        "Kiểm tra tiến trình mang cùng tên: cardwright status trên máy kia.";
    /// A controller of this name is at work somewhere else.
    NAME_TAKEN = "BOOK-004", Operator, true,
        "a controller of this name is at work elsewhere", "bộ điều khiển cùng tên đang chạy ở nơi khác",
        "Give each controller a name of its own in cardwright.toml, or wait until the other's lease is over.",
        "Đặt tên riêng cho mỗi bộ điều khiển trong cardwright.toml hoặc chờ hết hạn thuê.";
    /// Two people have said what became of this controller's orders: it is over.
    GIVEN_UP = "BOOK-005", Operator, false,
        "this controller was given up by two people", "bộ điều khiển này đã được hai người tuyên bố mất",
        "Its orders are others' now. Put its cards aside and make a new controller with a new name.",
        "Hồ sơ đã chuyển cho nơi khác. Để riêng thẻ của nó và lập bộ điều khiển mới với tên mới.";
    /// The server is not the one it was: what its last moments confirmed may be lost.
    UNVOUCHED = "BOOK-006", Operator, true,
        "the order book's server was replaced, and not every controller has compared its books",
        "máy chủ sổ hồ sơ đã thay đổi và chưa phải mọi bộ điều khiển đã đối chiếu",
        "Start every controller; one that is lost for good is given up by two people: cardwright controller lost.",
        "Khởi động mọi bộ điều khiển; bộ đã mất hẳn cần hai người tuyên bố: cardwright controller lost.";
}
