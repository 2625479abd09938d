import Artifacts
import Testing

@Suite struct ChecksumTests {
    private func xxh64(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
        bytes.withUnsafeBytes { Checksum.xxh64($0, seed: seed) }
    }

    private func crc32c(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { Checksum.crc32c($0) } }

    /// The sanity buffer of the xxHash distribution: bytes of a running product of a prime.
    private func sanityBuffer(_ count: Int) -> [UInt8] {
        var generator: UInt64 = 2_654_435_761
        return (0..<count).map { _ in
            defer { generator = generator &* 11_400_714_785_074_694_797 }
            return UInt8(generator >> 56)
        }
    }

    @Test("XXH64 gives the published values")
    func knownXXH64() {
        #expect(xxh64([]) == 0xEF46_DB37_51D8_E999)
        #expect(xxh64(Array("a".utf8)) == 0xD24E_C4F1_A98C_6E5B)
        #expect(xxh64(Array("abc".utf8)) == 0x44BC_2CF5_AD77_0999)
        #expect(xxh64(Array("Nobody inspects the spammish repetition".utf8)) == 0xFBCE_A83C_8A37_8BF1)
        #expect(xxh64(sanityBuffer(1)) == 0xE934_A84A_DB05_2768)
        #expect(xxh64(sanityBuffer(1), seed: 2_654_435_761) == 0x5014_6076_43A9_B4C3)
        #expect(xxh64(sanityBuffer(4)) == 0x9136_A0DC_A574_57EE)
        #expect(xxh64(sanityBuffer(14)) == 0x8282_DCC4_994E_35C8)
        #expect(xxh64(sanityBuffer(222)) == 0xB641_AE8C_B691_C174)
        #expect(xxh64(sanityBuffer(222), seed: 2_654_435_761) == 0x20CB_8AB7_AE10_C14A)
    }

    @Test("XXH64 does not depend on how the bytes are cut")
    func pieces() {
        let bytes = sanityBuffer(131)
        let whole = xxh64(bytes)
        for first in 0...bytes.count {
            for second in [first, first + 1, first + 31, first + 32, first + 33].map({ min($0, bytes.count) }) {
                var hash = XXH64()
                bytes.withUnsafeBytes { all in
                    for range in [0..<first, first..<second, second..<bytes.count] {
                        hash.update(UnsafeRawBufferPointer(rebasing: all[range]))
                    }
                }
                #expect(hash.value == whole, "cut at \(first) and \(second)")
            }
        }
    }

    /// RFC 3720, appendix B.4.
    @Test("CRC-32C gives the published values")
    func knownCRC32C() {
        #expect(crc32c([]) == 0)
        #expect(crc32c(Array("123456789".utf8)) == 0xE306_9283)
        #expect(crc32c(Array(repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(crc32c(Array(repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(crc32c(Array(0..<32)) == 0x46DD_794E)
        #expect(crc32c((0..<32).reversed()) == 0x113F_DB5C)
    }

    @Test("hexadecimal form has sixteen digits")
    func hex() {
        #expect(Checksum.hex(0xAB) == "00000000000000ab")
        #expect(Checksum.hex(.max) == "ffffffffffffffff")
    }
}
