import CPlatform

// C = A·B by register tiles of 6 rows × one panel of columns. B comes in panels: `panelWidth` columns
// each, [panel][k][column], zeros past the last column. An element of C is one chain of multiply-adds
// in order of k, whatever tile it falls in, so how rows and panels are shared out changes no bit.

/// Columns of a panel.
@inline(never)
public func panelWidth() -> Int { TileRow.width }

/// Puts the columns from `first` on, at most `panelWidth`, of B into one panel.
///
/// - Parameters:
///   - b: element (k, n) at `b[k · stride + n]`, or at `b[n · stride + k]` when `isTransposed`.
///   - columns: N, all columns of B.
///   - panel: K · panelWidth elements, overwritten.
@inline(never)
public func packPanel(
    _ b: UnsafePointer<Float>, _ stride: Int, _ isTransposed: Bool, _ inner: Int, _ columns: Int, _ first: Int,
    _ panel: UnsafeMutablePointer<Float>
) {
    let width = TileRow.width
    let valid = min(width, columns - first)
    let (kStep, columnStep) = isTransposed ? (1, stride) : (stride, 1)
    let source = unsafe b + first * columnStep
    for k in 0..<inner {
        let from = unsafe source + k * kStep
        let to = unsafe panel + k * width
        for column in 0..<valid {
            unsafe to[column] = unsafe from[column &* columnStep]
        }
        for column in valid..<width {
            unsafe to[column] = 0
        }
    }
}

/// C = epilogue((accumulate ? C : 0) + A·B) for a block of rows and all columns of some panels.
///
/// - Parameters:
///   - a: rows × K.
///   - panels: B, packed.
///   - columns: N of these panels; only the last one may be ragged.
///   - c: rows × N.
///   - bias: N elements to add, or nil.
///   - relu: negative elements become 0, after the bias.
///   - mask: rows × N; elements become 0 where it is not above 0. Or nil.
@inline(never)
public func multiplyRows(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ rows: Int, _ inner: Int,
    _ panels: UnsafePointer<Float>, _ columns: Int, _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
    _ accumulate: Bool, _ bias: UnsafePointer<Float>?, _ relu: Bool, _ mask: UnsafePointer<Float>?, _ maskStride: Int
) {
    var first = 0
    while first < columns {
        let panel = unsafe panels + first * inner
        var row = 0
        while row < rows {
            let output = unsafe TileOutput(
                c: c + (row * cStride + first), cStride: cStride, rows: min(6, rows - row), columns: columns - first,
                accumulate: accumulate, bias: bias.map { unsafe $0 + first }, relu: relu,
                mask: mask.map { unsafe $0 + (row * maskStride + first) }, maskStride: maskStride)
            // The first panel finds A in memory, not in a cache; a tile's own reads would come too late.
            let next = first == 0 && row + 12 <= rows ? row + 6 : row
            unsafe multiplyTile(a + row * aStride, aStride, inner, panel, a + next * aStride, output)
            row += 6
        }
        first += TileRow.width
    }
}

/// Six rows of A against one panel. Rows past the last repeat it; their sums are dropped.
///
/// - Parameter next: rows of A to fetch meanwhile, as many as `output` has: one line of each for every 16 of k, because
///   all at once would wait for one another.
@inline(never)
private func multiplyTile(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ inner: Int, _ panel: UnsafePointer<Float>,
    _ next: UnsafePointer<Float>, _ output: TileOutput
) {
    let last = output.rows - 1
    let a0 = unsafe a
    let a1 = unsafe a + min(1, last) * aStride
    let a2 = unsafe a + min(2, last) * aStride
    let a3 = unsafe a + min(3, last) * aStride
    let a4 = unsafe a + min(4, last) * aStride
    let a5 = unsafe a + min(5, last) * aStride
    var (c0, c1, c2) = (TileRow(), TileRow(), TileRow())
    var (c3, c4, c5) = (TileRow(), TileRow(), TileRow())
    var at = unsafe panel
    var k = 0
    while k < inner {
        for row in 0...last { unsafe platform_prefetch_l2(next + (row * aStride + k)) }
        let end = min(k &+ 16, inner)
        repeat {
            let b = unsafe TileRow(at)
            unsafe c0.add(a0[k], times: b)
            unsafe c1.add(a1[k], times: b)
            unsafe c2.add(a2[k], times: b)
            unsafe c3.add(a3[k], times: b)
            unsafe c4.add(a4[k], times: b)
            unsafe c5.add(a5[k], times: b)
            unsafe at += TileRow.width
            k &+= 1
        } while k < end
    }
    output.finish(c0, 0)
    output.finish(c1, 1)
    output.finish(c2, 2)
    output.finish(c3, 3)
    output.finish(c4, 4)
    output.finish(c5, 5)
}
