//! The fault catalogue of the databases.

use crate::base::Fault;

crate::fault_codes! {
    /// The database refused or failed.
    DATABASE = "STO-001", Device, false,
        "the database failed", "cơ sở dữ liệu bị lỗi",
        "Check the disk and the log, then start again: nothing that was confirmed is lost.",
        "Kiểm tra đĩa và nhật ký rồi khởi động lại: không mất dữ liệu đã xác nhận.";
    /// Another controller holds the ledger.
    LOCKED = "STO-002", Operator, true,
        "another process holds the ledger", "tiến trình khác đang giữ sổ cái",
        "Ask the running controller through its control socket, or stop it first.",
        "Hỏi bộ điều khiển đang chạy hoặc dừng nó trước.";
    /// A unique index said no: a chip, a blank, a signed object or a live attempt would exist twice.
    TWICE = "STO-003", Bug, false,
        "something that may exist once would exist twice", "một thứ chỉ được có một sẽ có hai",
        "The position is stopped; look at the order's history.", "Vị trí dừng; xem lịch sử hồ sơ.";
    /// A stored value does not read back.
    UNREADABLE = "STO-004", Bug, false,
        "a stored record cannot be read", "bản ghi lưu trữ không đọc được",
        "Run cardwright audit verify.", "Chạy cardwright audit verify.";
    /// The writer is gone.
    CLOSED = "STO-005", Device, true,
        "the ledger is closed", "sổ cái đã đóng",
        "Start the controller again: recovery is its start.", "Khởi động lại bộ điều khiển.";
    /// The order does not exist.
    NO_ORDER = "STO-006", Operator, true,
        "there is no such order", "không có hồ sơ này",
        "Check the number: cardwright order show.", "Kiểm tra số hồ sơ.";
    /// The order is past the point where this can be done.
    TOO_LATE = "STO-007", Operator, true,
        "the order is past the point where this can be done", "đã quá muộn để thực hiện",
        "See where it is: cardwright order show.", "Xem trạng thái: cardwright order show.";
    /// The facility is not what this act needs.
    NO_FILE = "STO-008", Operator, true,
        "there is no facility here", "không có cơ sở tại đây",
        "Make one: cardwright init.", "Tạo mới: cardwright init.";
    /// The authority's registry does not answer. What was to be said there is said again until it does.
    REGISTRY = "STO-009", Registry, true,
        "the registry does not answer", "cơ quan quản lý không trả lời",
        "Check the connection to the registry: reports wait until it answers.",
        "Kiểm tra kết nối với cơ quan quản lý: báo cáo sẽ chờ đến khi có trả lời.";
    /// The authority's registry is not where the configuration says.
    NO_REGISTRY = "STO-010", Operator, true,
        "there is no registry here", "không có cơ sở dữ liệu quản lý tại đây",
        "Name the authority's registry in cardwright.toml: paths.registry.",
        "Ghi đường dẫn cơ sở dữ liệu quản lý trong cardwright.toml: paths.registry.";
}

/// A database error as a fault. Unique-index violations are laws speaking; texts of the driver hold no values.
pub(crate) fn database(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(inner) if inner.is_unique_violation() => {
            Fault::new(&TWICE, inner.message().to_owned())
        }
        other => Fault::new(&DATABASE, other.to_string()),
    }
}

/// A stored value that does not read back.
pub(crate) fn unreadable(what: impl Into<String>) -> Fault {
    Fault::new(&UNREADABLE, what)
}
