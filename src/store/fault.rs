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
    /// A newer program has changed the tables.
    NEWER = "STO-011", Operator, false,
        "the database was written by a newer program", "cơ sở dữ liệu do phiên bản mới hơn ghi",
        "Install that program again; nothing was changed.", "Cài lại phiên bản đó; chưa có gì bị thay đổi.";
    /// Somebody reads the database for so long that its log cannot be cut.
    HELD_OPEN = "STO-030", Device, true,
        "what was erased is still in the database's log", "dữ liệu đã xóa còn trong nhật ký cơ sở dữ liệu",
        "Close whatever else reads the database: it is tried again by itself.",
        "Đóng chương trình khác đang đọc cơ sở dữ liệu: hệ thống sẽ tự thử lại.";
    /// No space is left.
    FULL = "STO-012", Device, true,
        "the disk is full", "đĩa đã đầy",
        "Make space and start again: nothing that was confirmed is lost.",
        "Giải phóng dung lượng rồi khởi động lại: không mất dữ liệu đã xác nhận.";
    /// The file is not what SQLite wrote.
    DAMAGED = "STO-013", Device, false,
        "the database file is damaged", "tệp cơ sở dữ liệu bị hỏng",
        "Keep the file, replace the disk, and bring the second copy: cardwright audit verify.",
        "Giữ nguyên tệp, thay đĩa và lấy bản sao thứ hai: cardwright audit verify.";
    /// The disk has not confirmed what was written: whether it is there, nobody knows.
    UNSYNCED = "STO-014", Device, false,
        "the disk does not confirm what was written", "đĩa không xác nhận dữ liệu đã ghi",
        "Replace the disk, then start again: nothing that was confirmed is lost.",
        "Thay đĩa rồi khởi động lại: không mất dữ liệu đã xác nhận.";
    /// The second copy is ahead of the ledger, or tells something else.
    SET_BACK = "STO-015", Operator, false,
        "the second copy of the ledger knows what the ledger does not", "bản sao sổ cái có dữ liệu mà sổ cái không có",
        "A backup was restored or the first disk lost: bring the copy back with cardwright audit restore.",
        "Bản cũ đã được khôi phục hoặc mất đĩa thứ nhất: lấy bản sao bằng cardwright audit restore.";
    /// Commits that were confirmed lie behind a place in the write-ahead log that nobody can read.
    LOG_DAMAGED = "STO-017", Device, false,
        "the database's write-ahead log is damaged in the middle", "nhật ký ghi trước của cơ sở dữ liệu bị hỏng ở giữa",
        "Touch nothing, keep both files, and bring the second copy: cardwright audit restore.",
        "Không thay đổi gì, giữ cả hai tệp và lấy bản sao thứ hai: cardwright audit restore.";
    /// The ledger goes on where its copy ends.
    AHEAD = "STO-018", Operator, true,
        "the ledger knows more than its second copy", "sổ cái có nhiều bản ghi hơn bản sao",
        "Nothing needs to be brought back. If the ledger is to be replaced all the same, move its file away first.",
        "Không cần khôi phục. Nếu vẫn muốn thay sổ cái, hãy chuyển tệp đi chỗ khác trước.";
    /// The second copy cannot be kept, and without it nothing is sealed or printed.
    SECOND = "STO-016", Device, true,
        "the second copy of the ledger cannot be written", "không ghi được bản sao sổ cái",
        "Check the second disk, then start again.", "Kiểm tra đĩa thứ hai rồi khởi động lại.";
}

/// SQLite's result codes (sqlite3.h): the low byte is the kind, the rest tells more of it.
mod sqlite {
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const NOT_A_DATABASE: u32 = 26;
    pub(super) const SYNC_FAILED: u32 = 10 | 4 << 8;
    pub(super) const FOLDER_SYNC_FAILED: u32 = 10 | 5 << 8;
}

/// A database error as a fault. Unique-index violations are laws speaking; texts of the driver hold no values.
pub(crate) fn database(error: &sqlx::Error) -> Fault {
    let inner = match error {
        sqlx::Error::Database(inner) => inner,
        // A value that is not what its column says it is.
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => return unreadable(error.to_string()),
        _ => return Fault::new(&DATABASE, error.to_string()),
    };
    if inner.is_unique_violation() {
        return Fault::new(&TWICE, inner.message().to_owned());
    }
    let number = inner.code().and_then(|code| code.parse::<u32>().ok());
    let code = match number {
        Some(sqlite::SYNC_FAILED | sqlite::FOLDER_SYNC_FAILED) => &UNSYNCED,
        Some(number) => match number & 0xFF {
            sqlite::FULL => &FULL,
            sqlite::CORRUPT | sqlite::NOT_A_DATABASE => &DAMAGED,
            _ => &DATABASE,
        },
        None => &DATABASE,
    };
    Fault::new(code, error.to_string())
}

/// A stored value that does not read back.
pub(crate) fn unreadable(what: impl Into<String>) -> Fault {
    Fault::new(&UNREADABLE, what)
}
