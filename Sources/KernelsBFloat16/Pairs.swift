import CBFloat16
import CPlatform

// Numbers rounded to bfloat16 and laid out in pairs, as the dot product takes them.

/// Pairs that a row of `count` numbers takes: whole vectors, zeros past the last number.
@inline(never)
public func pairsOfRow(_ count: Int) -> Int { (count + 31) / 32 * 16 }

/// Columns of a panel.
@inline(never)
public func pairPanelWidth() -> Int { TileRow.width }

/// Rounds rows: pairs of neighbours.
///
/// - Parameters:
///   - a: rows × count.
///   - pairs: rows × `pairsOfRow(count)`, overwritten.
@inline(never)
public func pairRows(
    _ a: UnsafePointer<Float>, _ stride: Int, _ rows: Int, _ count: Int, _ pairs: UnsafeMutablePointer<Int32>
) {
    let pairStride = pairsOfRow(count)
    for row in 0..<rows {
        let from = unsafe a + row * stride
        let to = unsafe pairs + row * pairStride
        var k = 0
        while k + 32 <= count {
            unsafe store(bfloat16_from_row(load(from + k), load(from + k + 16)), to + k / 2)
            k += 32
        }
        if k < count {
            let (low, high) = unsafe (loadPart(from + k, count - k), loadPart(from + k + 16, count - k - 16))
            unsafe store(bfloat16_from_row(low, high), to + k / 2)
        }
    }
}

/// Puts the columns from `first` on, at most `pairPanelWidth`, of B into one panel: [k / 2][column], zeros past the
/// last column and the last k.
///
/// - Parameters as those of `packPanel`.
@inline(never)
public func packPairPanel(
    _ b: UnsafePointer<Float>, _ stride: Int, _ isTransposed: Bool, _ inner: Int, _ columns: Int, _ first: Int,
    _ panel: UnsafeMutablePointer<Int32>
) {
    let width = TileRow.width
    let valid = min(width, columns - first)
    for pair in 0..<(inner + 1) / 2 {
        let to = unsafe panel + pair * width
        let k = 2 * pair
        if isTransposed {
            for column in 0..<width {
                let from = unsafe b + ((first + column) * stride + k)
                let isThere = column < valid
                var two = Lanes()
                if isThere { unsafe two[0] = from[0] }
                if isThere && k + 1 < inner { unsafe two[1] = from[1] }
                unsafe to[column] = bfloat16_from_row(two, Lanes())[0]
            }
            continue
        }
        let from = unsafe b + (k * stride + first)
        for vector in 0..<width / 16 {
            let column = vector * 16
            let low = unsafe loadPart(from + column, valid - column)
            let high = unsafe loadPart(from + stride + column, k + 1 < inner ? valid - column : 0)
            unsafe store(bfloat16_from_rows(low, high), to + column)
        }
    }
}

/// The first `count` elements, zeros past them; none of a negative count.
@inline(__always)
func loadPart(_ p: UnsafePointer<Float>, _ count: Int) -> Lanes {
    if count >= 16 { return unsafe load(p) }
    var lanes = Lanes()
    for i in 0..<max(0, count) { lanes[i] = unsafe p[i] }
    return lanes
}
