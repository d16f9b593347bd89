//! The faults of this room.

crate::fault_codes! {
    /// Records are missing between two that are there.
    LEDGER_GAP = "AUDIT-001", Bug, false,
        "records are missing from the ledger", "sổ cái thiếu bản ghi",
        "Stop the line, keep the file as it is and call the auditor.",
        "Dừng dây chuyền, giữ nguyên tệp và báo kiểm toán.";
    /// A record's content does not have the hash that was stored with it.
    LEDGER_EDITED = "AUDIT-002", Bug, false,
        "a ledger record was changed after it was written", "một bản ghi sổ cái đã bị sửa sau khi ghi",
        "Stop the line, keep the file as it is and call the auditor.",
        "Dừng dây chuyền, giữ nguyên tệp và báo kiểm toán.";
    /// A record was written after another record than the one that stands before it.
    LEDGER_DETACHED = "AUDIT-003", Bug, false,
        "a ledger record does not follow the one before it", "một bản ghi sổ cái không nối tiếp bản ghi trước nó",
        "Stop the line, keep the file as it is and call the auditor.",
        "Dừng dây chuyền, giữ nguyên tệp và báo kiểm toán.";
    /// Two records claim the same place.
    LEDGER_FORKED = "AUDIT-004", Bug, false,
        "two ledger records claim one place", "hai bản ghi sổ cái cùng một vị trí",
        "Find out which two controllers wrote; keep both files and call the auditor.",
        "Tìm hai bộ điều khiển đã ghi; giữ cả hai tệp và báo kiểm toán.";
    /// The ledger ends before the end that was signed.
    LEDGER_CUT = "AUDIT-005", Bug, false,
        "the ledger is shorter than a signed checkpoint", "sổ cái ngắn hơn mốc đã ký",
        "A backup was restored or the tail removed: bring the second host's copy before any work.",
        "Bản cũ đã được khôi phục hoặc phần cuối bị xoá: lấy bản sao ở máy thứ hai trước khi làm việc.";
    /// The ledger is whole in itself but is not the one that was signed.
    LEDGER_REWRITTEN = "AUDIT-006", Bug, false,
        "the ledger is not the one that was signed", "sổ cái không phải là sổ đã được ký",
        "Stop the line, keep the file as it is and call the auditor.",
        "Dừng dây chuyền, giữ nguyên tệp và báo kiểm toán.";
    /// The checkpoint speaks of another ledger.
    CHECKPOINT_FOREIGN = "AUDIT-007", Operator, true,
        "the checkpoint belongs to another ledger", "mốc kiểm tra thuộc sổ cái khác",
        "Choose the checkpoint of this facility and controller.", "Chọn mốc kiểm tra của đúng cơ sở và bộ điều khiển.";
    /// The text is no checkpoint.
    CHECKPOINT_UNREADABLE = "AUDIT-008", Operator, true,
        "the checkpoint cannot be read", "không đọc được mốc kiểm tra",
        "Fetch the checkpoint again from where it is kept.", "Lấy lại mốc kiểm tra từ nơi lưu giữ.";
    /// The signature was not made by this key over this text.
    SIGNATURE_WRONG = "AUDIT-009", Key, false,
        "the signature is not valid", "chữ ký không hợp lệ",
        "Check that the public key is the facility's; if it is, do not accept the document.",
        "Kiểm tra khoá công khai có đúng của cơ sở không; nếu đúng thì không nhận giấy tờ này.";
    /// The JSON is not a manifest.
    MANIFEST_UNREADABLE = "AUDIT-010", Operator, true,
        "the manifest cannot be read", "không đọc được bảng kê",
        "Fetch the manifest file again.", "Lấy lại tệp bảng kê.";
    /// The manifest contradicts itself and must not be sealed.
    MANIFEST_REFUSED = "AUDIT-011", Bug, false,
        "the manifest contradicts itself", "bảng kê tự mâu thuẫn",
        "Do not seal the box; count it again.", "Không niêm phong hộp; đếm lại.";
    /// The text on the label is not a manifest's.
    LABEL_UNREADABLE = "AUDIT-012", Operator, true,
        "the label is not a box label of this system", "nhãn không phải nhãn hộp của hệ thống này",
        "Scan the square code on the manifest again.", "Quét lại mã vuông trên bảng kê.";
    /// Label and manifest are both readable but speak of different things.
    LABEL_DIFFERS = "AUDIT-013", Operator, false,
        "the label does not belong to this manifest", "nhãn không thuộc bảng kê này",
        "Do not accept the box; report its number to the facility.", "Không nhận hộp; báo số hộp cho cơ sở.";
    /// A letter that the typeface has no shape for would print as an empty box.
    LETTER_MISSING = "AUDIT-014", Dossier, false,
        "a letter cannot be printed", "có chữ không in được",
        "Correct the text in the dossier.", "Sửa nội dung trong hồ sơ.";
    /// The label text does not fit a square code, or the typeface that goes with the program is damaged.
    PAPER_FAILED = "AUDIT-015", Bug, false,
        "the paper could not be made", "không tạo được giấy",
        "Report this with the box number.", "Báo lỗi này kèm số hộp.";
    /// The JSON is no proof.
    PROOF_UNREADABLE = "AUDIT-016", Operator, true,
        "the proof cannot be read", "không đọc được bằng chứng",
        "Fetch the proof again from the facility.", "Lấy lại bằng chứng từ cơ sở.";
    /// The record is not one of the ledger that was signed.
    PROOF_WRONG = "AUDIT-017", Operator, false,
        "the proof does not lead to the signed ledger", "bằng chứng không dẫn đến sổ cái đã ký",
        "Do not accept the document; report it to the facility.", "Không nhận giấy tờ này; báo cho cơ sở.";
    /// The record seals another manifest than the one at hand.
    MANIFEST_OTHER = "AUDIT-018", Operator, false,
        "the ledger has sealed another manifest for this box", "sổ cái đã niêm phong bảng kê khác cho hộp này",
        "Do not accept the manifest; report the box number to the facility.",
        "Không nhận bảng kê này; báo số hộp cho cơ sở.";
}
