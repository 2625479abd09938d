import CPlatform

/// The next block, fetched from memory line by line while this one is worked on: the tiles' own strided reads come too
/// late for that, and many lines at once would wait for one another.
@safe struct RowsAhead {
    private let a: UnsafePointer<Float>
    private let aStride: Int
    private let aColumns: Int
    private let b: UnsafePointer<Float>
    private let bStride: Int
    private let bColumns: Int
    private let rows: Int
    private let block: Int
    /// Lines of each call: together a whole block.
    private let share: Int
    // The next line, where its row of A or B ends, and that row.
    private var line: UnsafePointer<Float>
    private var lineEnd: UnsafePointer<Float>
    private var row = 0
    private var end = 0
    private var isInA = true

    /// - Parameters:
    ///   - block: rows of a block.
    ///   - calls: of `fetch` while a block is worked on.
    init(
        a: UnsafePointer<Float>, aStride: Int, aColumns: Int, b: UnsafePointer<Float>, bStride: Int, bColumns: Int,
        rows: Int, block: Int, calls: Int
    ) {
        unsafe (self.a, self.aStride, self.aColumns) = unsafe (a, aStride, aColumns)
        unsafe (self.b, self.bStride, self.bColumns) = unsafe (b, bStride, bColumns)
        (self.rows, self.block) = (rows, block)
        unsafe (line, lineEnd) = unsafe (a, a)
        share = ((aColumns + bColumns + 15) / 16 * block + max(1, calls) - 1) / max(1, calls)
    }

    /// From now on, the block that starts at `row` is the next one.
    mutating func aim(_ row: Int) {
        self.row = row
        end = min(row + block, rows)
        isInA = true
        unsafe line = unsafe a + row * aStride
        unsafe lineEnd = unsafe line + aColumns
    }

    /// Asks for some lines.
    @inline(__always)
    mutating func fetch() {
        for _ in 0..<share {
            if row >= end { return }
            unsafe platform_prefetch_l2(line)
            unsafe line += 16
            if unsafe line < lineEnd { continue }
            row += isInA ? 0 : 1
            isInA.toggle()
            unsafe line = unsafe isInA ? a + row * aStride : b + row * bStride
            unsafe lineEnd = unsafe line + (isInA ? aColumns : bColumns)
        }
    }
}
