//! What can go wrong with a chip.

crate::fault_codes! {
    /// No answer within the deadline.
    SILENT = "CHIP-001", Card, true,
        "the chip did not answer", "chip không trả lời",
        "Take the card out and identify it again; a chip that stays silent is spoiled.",
        "Lấy thẻ ra và nhận dạng lại; chip vẫn im lặng thì loại thẻ.";
    /// An answer that is not a response APDU, or contents that are not what their format says.
    GARBLED = "CHIP-002", Card, true,
        "the chip's answer cannot be understood", "không hiểu được trả lời của chip",
        "Repeat once on a clean reader; if it happens again, spoil the card.",
        "Thử lại một lần trên đầu đọc sạch; nếu lặp lại thì loại thẻ.";
    /// A well-formed answer that refuses a command that should have worked.
    REFUSED = "CHIP-003", Card, false,
        "the chip refused a command", "chip từ chối lệnh",
        "Spoil the card and keep it for the supplier; the detail names the command and the status.",
        "Loại thẻ và giữ lại cho nhà cung cấp; chi tiết có lệnh và mã trạng thái.";
    /// Lengths that contradict each other or never end.
    LYING = "CHIP-004", Card, false,
        "the chip's lengths contradict each other", "chip khai độ dài mâu thuẫn",
        "Spoil the card and keep it for examination.", "Loại thẻ và giữ lại để kiểm tra.";
    /// Another kind of chip than the profile expects.
    FOREIGN = "CHIP-005", Operator, false,
        "this is not the kind of chip that the profile expects", "chip không đúng loại của hồ sơ chip",
        "Check the pack in the feeder against the profile.", "Đối chiếu lô phôi trong khay với hồ sơ chip.";
    /// The eMRTD application is not on the chip.
    NO_APPLICATION = "CHIP-006", Card, false,
        "the chip has no eMRTD application", "chip không có ứng dụng eMRTD",
        "Spoil the blank; several in a row mean a wrong pack.", "Loại phôi; nhiều phôi liên tiếp là sai lô phôi.";
    /// A blank was expected and files were found.
    ALREADY_STARTED = "CHIP-007", Operator, false,
        "the chip has been partly written before", "chip đã được ghi dở trước đó",
        "A card was put back into the feeder: take it out and identify it at a desk.",
        "Thẻ cũ bị cho lại vào khay: lấy ra và nhận dạng tại bàn.";
    /// A blank was expected and a sealed chip was found.
    ALREADY_SEALED = "CHIP-008", Operator, false,
        "the chip is sealed already", "chip đã khóa",
        "A finished card was put back into the feeder: take it out and identify it at a desk.",
        "Thẻ đã hoàn thành bị cho lại vào khay: lấy ra và nhận dạng tại bàn.";
    /// The chip did not accept the MRZ or the card access number, or did not prove that it knows it.
    ACCESS_DENIED = "CHIP-009", Card, false,
        "the chip and the reader do not share the password", "chip và đầu đọc không cùng mật khẩu",
        "The face and the chip do not belong together, or the chip was written wrongly: quarantine the card.",
        "Mặt thẻ và chip không khớp, hoặc chip ghi sai: cách ly thẻ.";
    /// No access protocol that both sides know.
    NO_PROTOCOL = "CHIP-010", Card, false,
        "the chip offers no access protocol that is supported", "chip không có giao thức truy cập được hỗ trợ",
        "Check EF.CardAccess of the card profile.", "Kiểm tra EF.CardAccess trong hồ sơ thẻ.";
    /// Secure messaging broke: a checksum was wrong or an object was missing.
    CHANNEL = "CHIP-011", Card, true,
        "the secure channel to the chip broke", "kênh bảo mật với chip bị hỏng",
        "Reset the chip and repeat once; if it happens again, spoil the card.",
        "Khởi động lại chip và thử một lần; nếu lặp lại thì loại thẻ.";
    /// The files on the chip do not agree with each other.
    INCONSISTENT = "CHIP-012", Card, false,
        "the files on the chip do not agree with each other", "các tệp trên chip không nhất quán",
        "Spoil the card.", "Loại thẻ.";
    /// A write was accepted after seal.
    NOT_SEALED = "CHIP-013", Card, false,
        "the chip accepts writing although it should be sealed", "chip vẫn cho ghi dù đã phải khóa",
        "Spoil the card and stop the pack: the applet does not lock.", "Loại thẻ và dừng lô phôi: ứng dụng không khóa.";
    /// The files and keys do not fit what the profile says this chip takes.
    IMAGE = "CHIP-014", Bug, false,
        "the card data does not fit the chip profile", "dữ liệu thẻ không phù hợp hồ sơ chip",
        "Preparation made something that this chip cannot take: report it.",
        "Khâu chuẩn bị tạo dữ liệu mà chip không nhận: báo lỗi.";
    /// A chip profile that cannot be read.
    PROFILE = "CHIP-015", Operator, false,
        "the chip profile is not valid", "hồ sơ chip không hợp lệ",
        "Correct the profile; the detail names the place.", "Sửa hồ sơ chip; chi tiết có vị trí.";
    /// A dialogue was used against its own rules.
    MISUSE = "CHIP-016", Bug, false,
        "a chip conversation was continued after its end", "hội thoại với chip bị gọi sau khi kết thúc",
        "Report it.", "Báo lỗi.";
    /// A password that is not one: wrong characters or dates.
    PASSWORD = "CHIP-017", Operator, false,
        "this is not a machine-readable zone or a card access number", "không phải vùng MRZ hoặc số CAN",
        "Scan the card again.", "Quét lại thẻ.";
    /// The chip does not hold the keys that follow from our master key. It was not told anything, so it has counted
    /// nothing against us.
    NOT_OUR_KEYS = "CHIP-031", Card, false,
        "the chip holds other keys than the ones made for it", "chip giữ khóa khác với khóa dành cho nó",
        "Put the blank aside; several in a row mean a foreign pack, or the wrong transport key in the HSM.",
        "Để riêng phôi; nhiều phôi liên tiếp là sai lô phôi hoặc sai khóa vận chuyển trong HSM.";
    /// The chip's keys are of another version, length or protocol than the profile says.
    KEYS = "CHIP-032", Operator, false,
        "the chip's key set is not the one that the profile expects", "bộ khóa của chip không đúng hồ sơ chip",
        "Check the pack in the feeder against the profile.", "Đối chiếu lô phôi trong khay với hồ sơ chip.";
    /// EXTERNAL AUTHENTICATE was refused although the chip had proven that it holds the same keys.
    NOT_ADMITTED = "CHIP-033", Card, false,
        "the chip refused our authentication", "chip từ chối xác thực của hệ thống",
        "Do not try this chip again: it counts. Keep it for the supplier.",
        "Không thử lại chip này vì chip có đếm lần sai. Giữ lại cho nhà cung cấp.";
    /// Two authentications were begun and are not known to have succeeded. A third failed one could lock the chip.
    NO_MORE_TRIES = "CHIP-034", Card, false,
        "authentication to this chip must not be tried again", "không được thử xác thực với chip này nữa",
        "Spoil the card.", "Loại thẻ.";
    /// Card manager or application say that they are locked or terminated.
    LOCKED = "CHIP-035", Card, false,
        "the chip is locked", "chip đã bị khóa",
        "Put the blank aside for the supplier.", "Để riêng phôi cho nhà cung cấp.";
    /// The chip's keys were replaced by ours: it was finished here, or nearly.
    ALREADY_OURS = "CHIP-036", Operator, false,
        "the chip already holds the issuer's keys", "chip đã mang khóa của đơn vị phát hành",
        "A card was put back into the feeder: take it out and identify it at a desk.",
        "Thẻ cũ bị cho lại vào khay: lấy ra và nhận dạng tại bàn.";
    /// The blank's batch is none that the profile takes.
    BATCH = "CHIP-037", Operator, false,
        "the chip is of a batch that the profile does not take", "chip thuộc lô mà hồ sơ chip không nhận",
        "Check the pack in the feeder against the delivery.", "Đối chiếu lô phôi trong khay với phiếu giao.";
    /// Two statements of one chip about itself contradict each other.
    TWO_NAMES = "CHIP-038", Card, false,
        "the chip says that it is two different ones", "chip tự khai hai danh tính khác nhau",
        "Put both cards that may be in the field aside; check the position for a second card.",
        "Để riêng các thẻ có thể đang ở đầu đọc; kiểm tra vị trí có hai thẻ.";
    /// `6581`: the chip could not keep what it was given.
    MEMORY = "CHIP-039", Card, false,
        "the chip's memory failed", "bộ nhớ chip bị lỗi",
        "Spoil the card; several of one pack are the supplier's matter.",
        "Loại thẻ; nhiều thẻ cùng lô thì báo nhà cung cấp.";
    /// Certificates and key of a terminal that do not belong together.
    TERMINAL = "CHIP-018", Operator, false,
        "the terminal's certificates and key do not belong together",
        "chứng thư và khóa của thiết bị đọc không khớp nhau",
        "Give the CVCA's, the document verifier's and the terminal's certificate, and the terminal's key.",
        "Cung cấp chứng thư CVCA, DV, thiết bị đọc và khóa của thiết bị đọc.";
    /// PACE was asked for with a number that the chip does not know of.
    NO_CAN = "CHIP-040", Operator, false,
        "the chip does not take a card access number", "chip không nhận số CAN",
        "Open it with the machine-readable zone.", "Mở bằng vùng MRZ.";
    /// A chip without PACE gives no challenge: it holds no key to be opened with.
    NOT_WRITTEN = "CHIP-041", Operator, false,
        "the chip does not let itself be opened: it looks like a blank", "chip chưa mở được: có vẻ là phôi trắng",
        "Identify it at a desk; a finished card of before PACE would give a challenge.",
        "Nhận dạng tại bàn; thẻ đã hoàn thành thì chip có trả lời.";
}
