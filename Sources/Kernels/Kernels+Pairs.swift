// Products on operands rounded to bfloat16: the same shapes and sharing out as in float32.

extension Kernels {
    /// Both forms of C = A·B: B goes into panels of pairs, some columns at a time, then row blocks meet them.
    func pairProduct(
        _ loops: PairLoops, _ a: Matrix, _ b: Matrix, isTransposed: Bool, into c: Matrix, _ accumulate: Bool,
        _ epilogue: Epilogue
    ) {
        let width = loops.panelWidth()
        let pairs = (a.columns + 1) / 2
        // 1 MB of panels at a time, or one panel: they stay in the second-level cache.
        let passColumns = max(1, 262_144 / max(1, pairs * width)) * width
        var first = 0
        while first < c.columns {
            let columns = first..<min(first + passColumns, c.columns)
            let part = isTransposed ? b.rows(columns) : b.columns(columns)
            let elements = pairs * ((columns.count + width - 1) / width * width)
            unsafe scratch.with(elements) { floats in
                let panels = unsafe Self.pairs(floats, elements)
                inBlocks(of: width, columns.count) { block in
                    unsafe loops.packPanel(
                        part.base, part.stride, isTransposed, a.columns, columns.count, block.lowerBound,
                        panels + block.lowerBound * pairs)
                }
                unsafe multiplyPairPanels(
                    loops, a, panels, into: c.columns(columns), accumulate, epilogue.columns(columns))
            }
            first += passColumns
        }
    }

    private func multiplyPairPanels(
        _ loops: PairLoops, _ a: Matrix, _ panels: UnsafePointer<Int32>, into c: Matrix, _ accumulate: Bool,
        _ epilogue: Epilogue
    ) {
        let stride = loops.pairsOfRow(a.columns)
        // At most 256 KB of A, rounded, in whole tiles of 6 rows.
        let blockRows = max(6, min(96, 65_536 / max(1, stride) / 6 * 6))
        inBlocks(of: blockRows, c.rows) { rows in
            let (from, to, ending) = (a.rows(rows), c.rows(rows), EpilogueParts(epilogue.rows(rows)))
            unsafe scratch.with(rows.count * stride) { floats in
                let rounded = unsafe Self.pairs(floats, rows.count * stride)
                unsafe loops.pairRows(from.base, from.stride, rows.count, a.columns, rounded)
                unsafe loops.multiplyRows(
                    rounded, stride, rows.count, (a.columns + 1) / 2, panels, to.columns, to.base, to.stride,
                    accumulate, ending.bias, ending.relu, ending.mask, ending.maskStride)
            }
        }
    }

    /// c = c + aᵀ·b, on this thread.
    func addTransposedPairProduct(_ loops: PairLoops, _ a: Matrix, _ b: Matrix, into c: Matrix) {
        let elements = loops.transposedProductScratch(a.columns, b.columns)
        unsafe scratch.with(elements) { floats in
            unsafe loops.addTransposedProduct(
                a.base, a.stride, a.columns, b.base, b.stride, b.columns, a.rows, c.base, c.stride,
                Self.pairs(floats, elements))
        }
    }

    /// The same memory, as pairs.
    private static func pairs(_ floats: UnsafeMutablePointer<Float>, _ count: Int) -> UnsafeMutablePointer<Int32> {
        unsafe UnsafeMutableRawPointer(floats).bindMemory(to: Int32.self, capacity: count)
    }
}

/// An epilogue as the bare loops take it.
@safe struct EpilogueParts {
    private(set) var bias: UnsafePointer<Float>?
    private(set) var relu = false
    private(set) var mask: UnsafePointer<Float>?
    private(set) var maskStride = 0

    init(_ epilogue: Epilogue) {
        switch epilogue {
        case .none: break
        case .bias(let values): unsafe bias = unsafe values
        case .biasReLU(let values):
            unsafe bias = unsafe values
            relu = true
        case .reluMask(let matrix):
            unsafe mask = unsafe UnsafePointer(matrix.base)
            maskStride = matrix.stride
        }
    }
}
