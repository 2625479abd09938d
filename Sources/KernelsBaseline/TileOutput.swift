/// Where a tile's sums go, and what happens to them on the way.
@safe struct TileOutput {
    let c: UnsafeMutablePointer<Float>
    let cStride: Int
    let rows: Int
    /// Columns from this panel's first on; more than a panel holds when others follow.
    let columns: Int
    let accumulate: Bool
    let bias: UnsafePointer<Float>?
    let relu: Bool
    let mask: UnsafePointer<Float>?
    let maskStride: Int

    @_transparent
    func finish(_ sums: TileRow, _ row: Int) {
        if row >= rows { return }
        if columns < TileRow.width { return finishRagged(sums, row) }
        let to = unsafe c + row * cStride
        var sums = sums
        if accumulate { unsafe sums.add(TileRow(to)) }
        if let bias = unsafe bias { unsafe sums.add(TileRow(bias)) }
        if relu { sums.clampBelowZero() }
        if let mask = unsafe mask { unsafe sums.keepWhere(TileRow(mask + row * maskStride)) }
        unsafe sums.write(to)
    }

    /// The same, one element at a time, for a panel that C does not fill.
    @inline(never)
    func finishRagged(_ sums: TileRow, _ row: Int) {
        unsafe withUnsafeBytes(of: sums) { sums in
            let to = unsafe c + row * cStride
            for column in 0..<columns {
                var sum = unsafe sums.loadUnaligned(fromByteOffset: 4 * column, as: Float.self)
                if accumulate { unsafe sum += to[column] }
                if let bias = unsafe bias { unsafe sum += bias[column] }
                if relu && sum < 0 { sum = 0 }
                if let mask = unsafe mask, unsafe !(mask[row * maskStride + column] > 0) { sum = 0 }
                unsafe to[column] = sum
            }
        }
    }
}
