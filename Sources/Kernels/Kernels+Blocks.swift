// What the products and the loss are made of.

extension Kernels {
    /// Both forms of C = A·B: B goes into panels, some columns at a time, then row blocks meet them.
    func product(
        _ a: Matrix, _ b: Matrix, isTransposed: Bool, into c: Matrix, _ accumulate: Bool, _ epilogue: Epilogue
    ) {
        if let pairLoops {
            return pairProduct(pairLoops, a, b, isTransposed: isTransposed, into: c, accumulate, epilogue)
        }
        let width = loops.panelWidth()
        let inner = a.columns
        // 1 MB of panels at a time, or one panel: they stay in the second-level cache.
        let passColumns = max(1, 262_144 / max(1, inner * width)) * width
        var first = 0
        while first < c.columns {
            let columns = first..<min(first + passColumns, c.columns)
            let part = isTransposed ? b.rows(columns) : b.columns(columns)
            unsafe scratch.with(panelElements(inner, columns.count)) { panels in
                unsafe pack(part, isTransposed: isTransposed, into: panels)
                unsafe multiplyPanels(
                    a, panels, into: c.columns(columns), accumulate, epilogue.columns(columns))
            }
            first += passColumns
        }
    }

    /// Elements that `columns` columns of `inner` rows take as panels.
    func panelElements(_ inner: Int, _ columns: Int) -> Int {
        let width = loops.panelWidth()
        return inner * ((columns + width - 1) / width * width)
    }

    /// Puts B, or Bᵀ when `isTransposed`, into panels.
    func pack(_ b: Matrix, isTransposed: Bool, into panels: UnsafeMutablePointer<Float>) {
        let (inner, columns) = isTransposed ? (b.columns, b.rows) : (b.rows, b.columns)
        inBlocks(of: loops.panelWidth(), columns) { block in
            unsafe loops.packPanel(
                b.base, b.stride, isTransposed, inner, columns, block.lowerBound,
                panels + block.lowerBound * inner)
        }
    }

    private func multiplyPanels(
        _ a: Matrix, _ panels: UnsafePointer<Float>, into c: Matrix, _ accumulate: Bool, _ epilogue: Epilogue
    ) {
        // 256 KB of A at a time, in whole tiles of 6 rows.
        let blockRows = max(6, min(192, 65_536 / max(1, a.columns) / 6 * 6))
        let rowBlocks = (c.rows + blockRows - 1) / blockRows
        // Few rows: share out the columns too.
        let blockColumns = rowBlocks < 8 ? loops.panelWidth() : max(1, c.columns)
        let columnBlocks = (c.columns + blockColumns - 1) / blockColumns
        team.run(chunks: rowBlocks * columnBlocks) { chunk in
            let (row, column) = (chunk / columnBlocks * blockRows, chunk % columnBlocks * blockColumns)
            let rows = row..<min(row + blockRows, c.rows)
            let columns = column..<min(column + blockColumns, c.columns)
            unsafe multiplyBlock(
                a.rows(rows), panels + column * a.columns, into: c.rows(rows).columns(columns), accumulate,
                epilogue.rows(rows).columns(columns))
        }
    }

    /// One block of rows against packed panels, on this thread.
    func multiplyBlock(
        _ a: Matrix, _ panels: UnsafePointer<Float>, into c: Matrix, _ accumulate: Bool, _ epilogue: Epilogue
    ) {
        let ending = EpilogueParts(epilogue)
        unsafe loops.multiplyRows(
            a.base, a.stride, a.rows, a.columns, panels, c.columns, c.base, c.stride, accumulate, ending.bias,
            ending.relu, ending.mask, ending.maskStride)
    }

    /// c = c + aᵀ·b, on this thread.
    func addTransposedProduct(_ a: Matrix, _ b: Matrix, into c: Matrix) {
        unsafe scratch.with(loops.transposedProductScratch(a.stride, a.columns, b.columns)) { copies in
            unsafe loops.addTransposedProduct(
                a.base, a.stride, a.columns, b.base, b.stride, b.columns, a.rows, c.base, c.stride, copies)
        }
    }

    /// c = (accumulate ? c : 0) + scale · (partial 0 + partial 1 + …), each of c's shape, with rows `stride` apart.
    func addPartials(
        _ partials: UnsafePointer<Float>, _ count: Int, _ stride: Int, scale: Float, into c: Matrix, accumulate: Bool
    ) {
        inBlocks(of: 16, c.rows) { rows in
            for row in rows {
                for partial in 0..<count {
                    unsafe loops.addScaled(
                        partials + (partial * c.rows + row) * stride, scale, c.columns, c.base + row * c.stride,
                        accumulate || partial > 0)
                }
            }
        }
    }
}

extension Epilogue {
    /// The same for a block of columns.
    func columns(_ range: Range<Int>) -> Epilogue {
        switch self {
        case .none: .none
        case .bias(let bias): unsafe .bias(bias + range.lowerBound)
        case .biasReLU(let bias): unsafe .biasReLU(bias + range.lowerBound)
        case .reluMask(let mask): .reluMask(mask.columns(range))
        }
    }

    /// The same for a block of rows.
    func rows(_ range: Range<Int>) -> Epilogue {
        if case .reluMask(let mask) = self { return .reluMask(mask.rows(range)) }
        return self
    }
}
