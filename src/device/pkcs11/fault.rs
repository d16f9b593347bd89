//! What can go wrong between the daemon and its HSM.

use cryptoki::error::Error;

use crate::base::Fault;

crate::fault_codes! {
    /// The PKCS#11 library cannot be loaded or does not start.
    MODULE = "HSM-001", Key, false,
        "the PKCS#11 library does not start", "thư viện PKCS#11 không khởi động được",
        "Check the path of the module in the configuration.", "Kiểm tra đường dẫn module trong cấu hình.";
    /// No initialized token has the configured label.
    TOKEN = "HSM-002", Key, false,
        "the HSM has no token of this label", "HSM không có token mang nhãn này",
        "Check the label, or initialize the token.", "Kiểm tra nhãn hoặc khởi tạo token.";
    /// The HSM refused the PIN; it is not tried again until the daemon is started with another.
    PIN = "HSM-003", Operator, false,
        "the HSM refused the PIN", "HSM từ chối mã PIN",
        "Write the right PIN into its file and start again; until then nothing is tried.",
        "Ghi mã PIN đúng vào tệp rồi khởi động lại; trước đó không thử nữa.";
    /// The PIN is locked after too many wrong tries.
    PIN_LOCKED = "HSM-004", Key, false,
        "the HSM has locked the PIN", "HSM đã khóa mã PIN",
        "The security officer must set a new PIN; write it into its file and start again.",
        "Cán bộ an ninh phải đặt lại mã PIN; ghi mã mới vào tệp rồi khởi động lại.";
    /// No key has this label, or more than one has.
    KEY_UNKNOWN = "HSM-005", Key, false,
        "the HSM has no such key", "HSM không có khóa này",
        "Compare the labels in the configuration with the list of keys.", "So nhãn trong cấu hình với danh sách khóa.";
    /// A key with this label exists.
    KEY_EXISTS = "HSM-006", Operator, false,
        "the HSM already has a key of this label", "HSM đã có khóa mang nhãn này",
        "Choose another label.", "Chọn nhãn khác.";
    /// No answer within the deadline.
    TIMEOUT = "HSM-007", Key, true,
        "the HSM did not answer in time", "HSM không trả lời kịp",
        "Look at the HSM and the network; the same request may be made again.",
        "Kiểm tra HSM và mạng; có thể yêu cầu lại.";
    /// Sessions were lost and none of the three ways to get them back worked.
    LOST = "HSM-008", Key, true,
        "the connection to the HSM is lost", "mất kết nối tới HSM",
        "Look at the HSM and the network; the same request may be made again.",
        "Kiểm tra HSM và mạng; có thể yêu cầu lại.";
    /// The HSM answered and refused.
    REFUSED = "HSM-009", Key, false,
        "the HSM refused the operation", "HSM từ chối thao tác",
        "Check the key's purpose and the HSM's policy.", "Kiểm tra mục đích của khóa và chính sách của HSM.";
    /// A signature made now does not verify, or a key is not protected as it must be.
    SELF_TEST = "HSM-010", Key, false,
        "the HSM failed the self test", "HSM không qua được tự kiểm tra",
        "Stop signing with this key.", "Ngừng ký bằng khóa này.";
    /// Sealed data was changed, or sealed under another key.
    SEALED = "HSM-011", Key, false,
        "sealed data does not open", "dữ liệu niêm phong không mở được",
        "Check which key sealed it; do not use the data.", "Kiểm tra khóa đã niêm phong; không dùng dữ liệu này.";
    /// Making or destroying a key was interrupted: it may or may not have happened.
    INTERRUPTED = "HSM-012", Key, false,
        "a change of keys was interrupted", "việc thay đổi khóa bị gián đoạn",
        "List the keys before doing anything again.", "Liệt kê khóa trước khi làm lại.";
    /// The daemon is stopping.
    STOPPED = "HSM-013", Operator, true,
        "the HSM sessions are closed", "các phiên HSM đã đóng",
        "Start the daemon.", "Khởi động lại dịch vụ.";
    /// A token of this label exists already.
    TOKEN_EXISTS = "HSM-014", Operator, false,
        "the HSM already has a token of this label", "HSM đã có token mang nhãn này",
        "Choose another label, or wipe the token with the HSM's own tools.",
        "Chọn nhãn khác hoặc xóa token bằng công cụ của HSM.";
    /// One more wrong PIN would lock the token, so not even the right one is tried.
    PIN_LAST_TRY = "HSM-016", Operator, false,
        "the HSM would lock the PIN after one more wrong try", "HSM sẽ khóa mã PIN nếu nhập sai thêm một lần",
        "Find out who has tried; log in once by hand with the HSM's own tools, which resets the count.",
        "Tìm xem ai đã thử; đăng nhập một lần bằng công cụ của HSM để đặt lại bộ đếm.";
    /// A request that cannot be meant.
    REQUEST = "HSM-015", Bug, false,
        "a request to the HSM makes no sense", "yêu cầu gửi HSM không hợp lệ",
        "Report it.", "Báo lỗi.";
}

/// A refusal, with the function and the return value that said so.
pub(super) fn refused(error: &Error) -> Fault {
    Fault::new(&REFUSED, error.to_string())
}
