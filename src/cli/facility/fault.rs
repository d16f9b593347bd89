//! What can go wrong when a facility is made or opened.

crate::fault_codes! {
    /// The folder is in use.
    EXISTS = "FAC-001", Operator, true,
        "the folder is not empty", "thư mục không trống",
        "Choose a new folder: a facility is made once.", "Chọn thư mục mới: cơ sở chỉ được tạo một lần.";
    /// Configuration and ledger tell of different facilities.
    OTHER = "FAC-002", Operator, false,
        "the ledger belongs to another facility or mode", "sổ cái thuộc cơ sở hoặc chế độ khác",
        "Put the configuration back that belongs to this ledger.", "Khôi phục đúng cấu hình của sổ cái này.";
    /// A file of the facility cannot be read or written.
    FILE = "FAC-003", Operator, true,
        "a file of the facility cannot be used", "không dùng được tệp của cơ sở",
        "Check that the file exists and its permissions.", "Kiểm tra tệp và quyền truy cập.";
    /// A key is missing or for something else.
    KEY = "FAC-004", Key, false,
        "the HSM has no such key for this purpose", "HSM không có khóa này cho mục đích này",
        "Compare the configuration with cardwright key list.", "So cấu hình với cardwright key list.";
    /// The program cannot start itself again.
    RESTART = "FAC-005", Device, true,
        "the program cannot start itself again", "chương trình không tự khởi động lại được",
        "Set HSM_SIM_DIR to the facility's token folder by hand.", "Đặt HSM_SIM_DIR tới thư mục token của cơ sở.";
    /// An answer or a name that is not what it must be.
    REFUSED = "FAC-006", Operator, true,
        "this cannot be done here", "không thực hiện được tại đây",
        "See the reason that is given.", "Xem lý do được nêu.";
    /// Only rehearsals have simulated cards.
    NOT_A_REHEARSAL = "FAC-007", Operator, true,
        "this is possible in a rehearsal only", "việc này chỉ có trong diễn tập",
        "Use a facility that was made by cardwright rehearse.", "Dùng cơ sở do cardwright rehearse tạo ra.";
}
