//! What can go wrong with keys, certificates and signatures.

crate::fault_codes! {
    /// A subject public key that we do not understand or accept.
    KEY_REFUSED = "PKI-001", Key, false,
        "the public key is not in an accepted form", "khóa công khai không ở dạng được chấp nhận",
        "Have the key certified again on P-256.", "Cấp lại chứng thư cho khóa trên đường cong P-256.";
    /// A signature that does not verify.
    SIGNATURE_WRONG = "PKI-002", Key, false,
        "a signature does not verify", "chữ ký không hợp lệ",
        "Stop signing with this key and compare the HSM's key with the certificate.",
        "Ngừng ký bằng khóa này và đối chiếu khóa trong HSM với chứng thư.";
    /// An algorithm, curve or parameter that we cannot verify; says nothing about the signature.
    ALGORITHM_UNSUPPORTED = "PKI-003", Key, false,
        "the signature algorithm or curve is unsupported", "thuật toán hoặc đường cong chữ ký không được hỗ trợ",
        "Verify this object with another tool.", "Kiểm tra bằng công cụ khác.";
    /// Bytes that are no certificate.
    CERTIFICATE_UNREADABLE = "PKI-004", Key, false,
        "the certificate cannot be read", "không đọc được chứng thư",
        "Ask the CSCA for the certificate again, in DER.", "Yêu cầu CSCA gửi lại chứng thư ở dạng DER.";
    /// Bytes that are no certificate revocation list.
    CRL_UNREADABLE = "PKI-005", Key, false,
        "the revocation list cannot be read", "không đọc được danh sách thu hồi",
        "Fetch the revocation list again.", "Tải lại danh sách thu hồi.";
    /// Bytes that are no certification request.
    REQUEST_UNREADABLE = "PKI-006", Operator, false,
        "the certificate request cannot be read", "không đọc được yêu cầu cấp chứng thư",
        "Make the request again.", "Tạo lại yêu cầu.";
    /// A certificate, CRL or request that would break the Doc 9303-12 profile.
    PLAN_REFUSED = "PKI-007", Operator, false,
        "the plan breaks the certificate profile", "kế hoạch trái với hồ sơ chứng thư",
        "Correct the named field.", "Sửa trường đã nêu.";
    /// A certificate that we would issue under a name that could pass for real.
    NAME_NOT_REHEARSAL = "PKI-008", Operator, false,
        "a certificate issued here must say REHEARSAL in its common name",
        "chứng thư cấp tại đây phải ghi REHEARSAL trong tên",
        "Add REHEARSAL to the common name; production certificates come from the national CSCA.",
        "Thêm REHEARSAL vào tên; chứng thư thật do CSCA quốc gia cấp.";
    /// A raw signature whose r or s is no number between 1 and n - 1.
    SIGNATURE_MALFORMED = "PKI-009", Key, false,
        "the HSM's signature is malformed", "chữ ký từ HSM sai định dạng",
        "Test the HSM; do not use the signature.", "Kiểm tra HSM; không dùng chữ ký này.";
    /// Issuer name or authority key identifier do not lead to this issuer.
    ISSUER_MISMATCH = "PKI-010", Key, false,
        "the certificate was not issued by this CSCA", "chứng thư không do CSCA này cấp",
        "Import the CSCA certificate that belongs to it.", "Nhập chứng thư CSCA tương ứng.";
    /// A certificate used for what it was not issued for.
    ROLE_WRONG = "PKI-011", Key, false,
        "the certificate is not meant for this use", "chứng thư không dành cho mục đích này",
        "Use a certificate with the right key usage.", "Dùng chứng thư có mục đích sử dụng khóa phù hợp.";
    /// Outside notBefore to notAfter.
    NOT_VALID_NOW = "PKI-012", Key, false,
        "the certificate is not valid at that time", "chứng thư không có hiệu lực tại thời điểm đó",
        "Check the clock, then roll over to the next key.", "Kiểm tra đồng hồ, sau đó chuyển sang khóa kế tiếp.";
    /// A critical extension that readers do not know.
    CRITICAL_EXTENSION = "PKI-013", Key, false,
        "the certificate has a critical extension that readers refuse",
        "chứng thư có phần mở rộng thiết yếu mà máy đọc từ chối",
        "Have the certificate issued again after Doc 9303-12.", "Cấp lại chứng thư theo Doc 9303-12.";
    /// No CSCA in the trust store issued this certificate.
    ISSUER_UNKNOWN = "PKI-014", Key, false,
        "the CSCA of this certificate is not trusted here", "CSCA của chứng thư này không được tin cậy tại đây",
        "Import the CSCA certificate after checking its fingerprint.",
        "Nhập chứng thư CSCA sau khi kiểm tra dấu vân số.";
    /// A CRL of the issuer lists this certificate.
    REVOKED = "PKI-015", Key, false,
        "the certificate is revoked", "chứng thư đã bị thu hồi",
        "Stop signing with this key and report the cards it signed.",
        "Ngừng ký bằng khóa này và báo cáo các thẻ đã ký.";
    /// No CRL, or only stale ones.
    REVOCATION_UNKNOWN = "PKI-016", Key, true,
        "whether the certificate is revoked is not known", "chưa rõ chứng thư có bị thu hồi hay không",
        "Fetch the CSCA's current revocation list.", "Tải danh sách thu hồi hiện hành của CSCA.";
    /// A certificate for another key than the one in the HSM.
    KEY_MISMATCH = "PKI-017", Operator, false,
        "the certificate is for another key", "chứng thư thuộc về khóa khác",
        "Import it under the label whose request it answers.", "Nhập vào đúng nhãn khóa đã yêu cầu.";
    /// Our own values did not encode.
    ENCODING = "PKI-018", Bug, false,
        "a structure could not be encoded", "không mã hóa được cấu trúc",
        "Report this to the developers.", "Báo cho nhà phát triển.";
    /// The clock is outside the private key's usage period.
    USAGE_PERIOD_NOW = "PKI-030", Key, false,
        "the key is outside its usage period", "khóa ngoài thời hạn sử dụng",
        "Roll over to a key whose period has begun.", "Chuyển sang khóa đang trong thời hạn.";
    /// The order's date of issue is outside the private key's usage period.
    USAGE_PERIOD_ISSUE = "PKI-031", Key, false,
        "the date of issue is outside the key's usage period", "ngày cấp ngoài thời hạn sử dụng của khóa",
        "Keep the key of that period, or have the order approved with a new date of issue.",
        "Giữ khóa của giai đoạn đó hoặc duyệt lại đơn với ngày cấp mới.";
    /// The certificate states no private key usage period.
    USAGE_PERIOD_MISSING = "PKI-032", Key, false,
        "the certificate states no usage period", "chứng thư không ghi thời hạn sử dụng khóa",
        "Have the certificate issued again after Doc 9303-12.", "Cấp lại chứng thư theo Doc 9303-12.";
    /// The signing time is not strictly inside the certificates' validity.
    SIGNING_TIME = "PKI-033", Key, true,
        "the signing time is not strictly inside the certificates' validity",
        "thời điểm ký không nằm hẳn trong thời hạn của chứng thư",
        "Wait until the certificate is an hour old, or roll over.",
        "Chờ chứng thư có hiệu lực đủ một giờ, hoặc chuyển khóa.";
    /// The card would be valid longer than the certificate that proves it.
    CARD_OUTLIVES_CERTIFICATE = "PKI-034", Key, false,
        "the card expires after the document signer certificate", "thẻ hết hạn sau chứng thư ký",
        "Use a signer with a longer certificate.", "Dùng khóa ký có chứng thư dài hạn hơn.";
    /// A card without expiry, and a signer that is not for such cards.
    UNLIMITED_NOT_ALLOWED = "PKI-035", Key, false,
        "this signer is not for cards without expiry", "khóa này không dùng cho thẻ không thời hạn",
        "Provide the signer of the profile for cards without expiry.",
        "Cấp khóa ký dành cho thẻ không thời hạn.";
    /// The document type is not in the certificate's list.
    DOCUMENT_TYPE = "PKI-036", Key, false,
        "the document type is not listed in the certificate", "loại giấy tờ không có trong chứng thư",
        "Use a signer certified for this document type.", "Dùng khóa ký được chứng thực cho loại giấy tờ này.";
    /// The configured number of signatures has been made.
    LIMIT_REACHED = "PKI-037", Key, false,
        "the key has made as many signatures as it may", "khóa đã ký đủ số lượng cho phép",
        "Roll over to the next key.", "Chuyển sang khóa kế tiếp.";
    /// Bytes that are no card-verifiable certificate, or one that is not supported.
    CV_CERTIFICATE_UNREADABLE = "PKI-039", Key, false,
        "the card-verifiable certificate cannot be read", "không đọc được chứng thư CV",
        "Ask the document verifier for the terminal's certificates again; only elliptic curves are supported.",
        "Yêu cầu DV cấp lại chứng thư cho thiết bị đọc; chỉ hỗ trợ đường cong elliptic.";
    /// None of the signers may sign this card.
    NO_SIGNER = "PKI-038", Key, false,
        "no signer may sign this card", "không có khóa nào được phép ký thẻ này",
        "Look at each key's reason and provide the next signer.", "Xem lý do của từng khóa và cấp khóa kế tiếp.";
    /// Signers of later times would sign for a day on which none of them was in use.
    ISSUED_BEFORE_SIGNERS = "PKI-040", Dossier, false,
        "the date of issue lies before the usage period of every signer",
        "ngày cấp trước thời hạn dùng của mọi khóa ký",
        "The order is held: the registry sends a new version with a later date of issue, or cancels it.",
        "Hồ sơ được giữ lại: cơ quan đăng ký gửi phiên bản mới với ngày cấp muộn hơn, hoặc hủy.";
    /// Another state vouches for nothing here (Doc 9303-12, section 7.1.1): every reader would refuse the card.
    OTHER_STATE = "PKI-042", Key, false,
        "the card's issuing state is not the signer's", "quốc gia cấp thẻ khác với quốc gia của khóa ký",
        "Give the card profile the state_code of the signer's certificate, or import the right signer.",
        "Ghi state_code của chứng thư ký vào hồ sơ thẻ, hoặc nhập đúng khóa ký.";
    /// There are signers in use, and none of them is for a card that is valid for so long or of such a type.
    NOT_FOR_SUCH_CARDS = "PKI-041", Dossier, false,
        "no signer in use is for a card such as this", "không khóa ký nào đang dùng được phép ký loại thẻ này",
        "The order is held: bring a signer for such cards into use (each one's reason is told), then release it.",
        "Hồ sơ được giữ lại: đưa vào dùng khóa ký cho loại thẻ này (lý do của từng khóa đã nêu), rồi bỏ giữ.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_say_what_next() {
        let ids: BTreeSet<_> = super::ALL.iter().map(|code| code.id).collect();
        assert_eq!(ids.len(), super::ALL.len());
        for code in super::ALL {
            let texts = [code.en, code.vi, code.next_en, code.next_vi];
            assert!(texts.iter().all(|text| !text.is_empty()), "{}", code.id);
        }
    }
}
