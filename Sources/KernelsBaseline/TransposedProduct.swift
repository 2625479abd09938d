// C += Aᵀ·B by register tiles of 4 columns of A × one panel of B's columns, over blocks of rows. Each
// element's sum over a block is one chain in order of the rows, whatever tile it falls in.

/// Rows that are summed in registers before they are added to C: both operands' blocks fit in the
/// second-level cache, and short chains keep rounding errors small.
private let blockRows = 256

/// Elements of scratch that `addTransposedProduct` needs.
@inline(never)
public func transposedProductScratch() -> Int { blockRows * TileRow.width }

/// C += Aᵀ·B.
///
/// - Parameters:
///   - a: rows × K.
///   - b: rows × N.
///   - c: K × N.
///   - scratch: `transposedProductScratch` elements.
@inline(never)
public func addTransposedProduct(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ aColumns: Int, _ b: UnsafePointer<Float>, _ bStride: Int,
    _ bColumns: Int, _ rows: Int, _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
    _ scratch: UnsafeMutablePointer<Float>
) {
    let width = TileRow.width
    var row = 0
    while row < rows {
        let count = min(blockRows, rows - row)
        let aBlock = unsafe a + row * aStride
        var first = 0
        while first < bColumns {
            var strip = unsafe b + (row * bStride + first)
            var stripStride = bStride
            if first + width > bColumns {
                unsafe copyStrip(strip, bStride, count, bColumns - first, scratch)
                unsafe strip = UnsafePointer(scratch)
                stripStride = width
            }
            unsafe addStrip(
                aBlock, aStride, aColumns, strip, stripStride, min(width, bColumns - first), count, c + first, cStride)
            first += width
        }
        row += count
    }
}

/// A ragged strip of B, filled up with zeros to the width of a tile.
private func copyStrip(
    _ b: UnsafePointer<Float>, _ stride: Int, _ rows: Int, _ columns: Int, _ strip: UnsafeMutablePointer<Float>
) {
    for row in 0..<rows {
        for column in 0..<TileRow.width {
            unsafe strip[row * TileRow.width + column] = unsafe column < columns ? b[row * stride + column] : 0
        }
    }
}

private func addStrip(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ aColumns: Int, _ b: UnsafePointer<Float>, _ bStride: Int,
    _ columns: Int, _ rows: Int, _ c: UnsafeMutablePointer<Float>, _ cStride: Int
) {
    var column = 0
    while column + 4 <= aColumns {
        unsafe addTile(a + column, aStride, b, bStride, rows, c + column * cStride, cStride, columns)
        column += 4
    }
    while column < aColumns {
        unsafe addTileRow(a + column, aStride, b, bStride, rows, c + column * cStride, columns)
        column += 1
    }
}

@inline(never)
private func addTile(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>, _ bStride: Int, _ rows: Int,
    _ c: UnsafeMutablePointer<Float>, _ cStride: Int, _ columns: Int
) {
    var (c0, c1, c2, c3) = (TileRow(), TileRow(), TileRow(), TileRow())
    var (aRow, bRow) = unsafe (a, b)
    for _ in 0..<rows {
        let values = unsafe TileRow(bRow)
        unsafe c0.add(aRow[0], times: values)
        unsafe c1.add(aRow[1], times: values)
        unsafe c2.add(aRow[2], times: values)
        unsafe c3.add(aRow[3], times: values)
        unsafe aRow += aStride
        unsafe bRow += bStride
    }
    unsafe addSums(c0, c, columns)
    unsafe addSums(c1, c + cStride, columns)
    unsafe addSums(c2, c + 2 * cStride, columns)
    unsafe addSums(c3, c + 3 * cStride, columns)
}

@inline(never)
private func addTileRow(
    _ a: UnsafePointer<Float>, _ aStride: Int, _ b: UnsafePointer<Float>, _ bStride: Int, _ rows: Int,
    _ c: UnsafeMutablePointer<Float>, _ columns: Int
) {
    var sums = TileRow()
    var (aRow, bRow) = unsafe (a, b)
    for _ in 0..<rows {
        unsafe sums.add(aRow[0], times: TileRow(bRow))
        unsafe aRow += aStride
        unsafe bRow += bStride
    }
    unsafe addSums(sums, c, columns)
}

@inline(__always)
private func addSums(_ sums: TileRow, _ c: UnsafeMutablePointer<Float>, _ columns: Int) {
    if columns < TileRow.width { return unsafe addRagged(sums, c, columns) }
    var sums = sums
    unsafe sums.add(TileRow(c))
    unsafe sums.write(c)
}

@inline(never)
private func addRagged(_ sums: TileRow, _ c: UnsafeMutablePointer<Float>, _ columns: Int) {
    for column in 0..<columns {
        unsafe c[column] += sums[column]
    }
}

/// sums[column] += Σ over the rows of a, in blocks like `addTransposedProduct`.
@inline(never)
public func addColumnSums(
    _ a: UnsafePointer<Float>, _ stride: Int, _ columns: Int, _ rows: Int, _ sums: UnsafeMutablePointer<Float>
) {
    var row = 0
    while row < rows {
        let count = min(blockRows, rows - row)
        let block = unsafe a + row * stride
        var column = 0
        while column + TileRow.width <= columns {
            var total = TileRow()
            var at = unsafe block + column
            for _ in 0..<count {
                unsafe total.add(TileRow(at))
                unsafe at += stride
            }
            unsafe addSums(total, sums + column, TileRow.width)
            column += TileRow.width
        }
        while column < columns {
            var total: Float = 0
            for i in 0..<count {
                unsafe total += block[i * stride + column]
            }
            unsafe sums[column] += total
            column += 1
        }
        row += count
    }
}
