//! What can be wrong with a configuration.

crate::fault_codes! {
    /// There is no configuration.
    MISSING = "CFG-001", Operator, true,
        "the configuration cannot be read", "không đọc được cấu hình",
        "Name the facility's folder, or make one: cardwright init.",
        "Chỉ đúng thư mục cơ sở hoặc tạo mới: cardwright init.";
    /// A setting is unknown, missing or of the wrong kind.
    UNREADABLE = "CFG-002", Operator, true,
        "the configuration is not understood", "cấu hình không hợp lệ",
        "Correct the line that is named.", "Sửa dòng được nêu.";
    /// Settings do not fit each other.
    CONTRADICTION = "CFG-003", Operator, true,
        "the configuration contradicts itself", "cấu hình mâu thuẫn",
        "Correct the setting that is named.", "Sửa mục được nêu.";
    /// Production is to run on something that belongs to a rehearsal.
    REHEARSAL_MEANS = "CFG-004", Operator, false,
        "production does not run on a rehearsal's means", "không dùng phương tiện diễn tập cho sản xuất",
        "Use a real device, key or certificate.", "Dùng thiết bị, khóa hoặc chứng thư thật.";
    /// The simulated HSM is not where it is looked for.
    NO_SIMULATOR = "CFG-005", Operator, true,
        "hsm-sim is not beside the program", "không tìm thấy hsm-sim cạnh chương trình",
        "Build it with cargo build, or write the library's path into hsm.module.",
        "Chạy cargo build hoặc ghi đường dẫn thư viện vào hsm.module.";
    /// A rehearsal is to use a certificate that does not say that it is one's.
    PRODUCTION_MEANS = "CFG-006", Operator, false,
        "a rehearsal does not use a real certificate", "diễn tập không dùng chứng thư thật",
        "Use the certificates that init made.", "Dùng chứng thư do init tạo.";
    /// The PIN's file is missing or open to others.
    PIN_FILE = "CFG-007", Operator, true,
        "the PIN file cannot be used", "không dùng được tệp mã PIN",
        "Put the PIN into the file and let its owner alone read it (mode 0600).",
        "Ghi mã PIN vào tệp và chỉ cho chủ sở hữu đọc (quyền 0600).";
}
