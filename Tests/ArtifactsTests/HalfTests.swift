import Artifacts
import Testing

@Suite struct HalfTests {
    private func rounded(_ values: [Float]) -> [UInt16] {
        var halves = [UInt16](repeating: 0, count: values.count)
        halves.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            Half.round(values, into: base, count: values.count)
        }
        return halves
    }

    private func widened(_ halves: [UInt16]) -> [Float] {
        var values = [Float](repeating: 0, count: halves.count)
        halves.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            Half.widen(base, into: &values, count: halves.count)
        }
        return values
    }

    @Test("every float16 widens as the standard library does, and rounds back to itself")
    func everyHalf() {
        let halves = (UInt16(0)...UInt16.max).filter { !Float16(bitPattern: $0).isNaN }
        let values = widened(halves)
        #expect(values == halves.map { Float(Float16(bitPattern: $0)) })
        #expect(rounded(values) == halves)
        #expect(rounded([.nan, -.nan]).allSatisfy { Float16(bitPattern: $0).isNaN })
    }

    @Test("between two neighbours of float16: the nearer, the even one from the middle, and never beyond the largest")
    func between() {
        var values: [Float] = []
        for bits in UInt16(0)..<0x7BFF {
            let (low, high) = (Float(Float16(bitPattern: bits)), Float(Float16(bitPattern: bits + 1)))
            let middle = (low + high) / 2
            values += [middle.nextDown, middle, middle.nextUp, -middle, high.nextDown]
        }
        #expect(rounded(values) == values.map { Float16($0).bitPattern })
        #expect(
            rounded([65519, 65520, 1e30, -1e30, .infinity, -.infinity]) == [
                0x7BFF, 0x7BFF, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00,
            ])
        for count in 0...17 {
            #expect(rounded(Array(values.prefix(count))) == values.prefix(count).map { Float16($0).bitPattern })
        }
    }
}
