import Kernels
import Minibatches

/// What one layer's forward pass leaves for its backward pass. Storage grows to the largest batch seen.
final class ConvolveActivations {
    private let messageBuffer = FloatBuffer()
    private let pooledBuffer = FloatBuffer()
    private let outputBuffer = FloatBuffer()
    let norms = FloatBuffer()
    /// Of max pooling: the row of `messages` that each element of `pooled` came from.
    private(set) var winners = FrameArray<Int32>(count: 0)
    /// t: N × m.
    private(set) var messages: Matrix
    /// n: R × m.
    private(set) var pooled: Matrix
    /// h, rows of length 1 or 0: R × m.
    private(set) var outputs: Matrix

    init() {
        messages = messageBuffer.matrix(rows: 0, columns: 0)
        pooled = pooledBuffer.matrix(rows: 0, columns: 0)
        outputs = outputBuffer.matrix(rows: 0, columns: 0)
    }

    /// Makes room for `inputRows` messages and `rows` outputs of `width`.
    func reserve(inputRows: Int, rows: Int, width: Int, withWinners: Bool) {
        messages = messageBuffer.matrix(rows: inputRows, columns: width)
        pooled = pooledBuffer.matrix(rows: rows, columns: width)
        outputs = outputBuffer.matrix(rows: rows, columns: width)
        norms.reserve(rows)
        if withWinners, winners.count < rows * width { winners = FrameArray(count: rows * width) }
    }

    var buffers: [FloatBuffer] { [messageBuffer, pooledBuffer, outputBuffer, norms] }
}

extension FloatBuffer {
    /// The first rows × columns elements, after making room for them; earlier views may dangle.
    func matrix(rows: Int, columns: Int) -> Matrix {
        reserve(rows * columns)
        return Matrix(self, rows: rows, columns: columns)
    }
}

extension PoolLists {
    /// A view of a minibatch's lists, valid while they live.
    init(_ rows: NeighborhoodRows) {
        guard let offsets = unsafe rows.offsets.elements.baseAddress else {
            preconditionFailure("PoolLists: neighbour lists without offsets")
        }
        // An empty frame may have no address; then no entry is read, and any address does.
        let anywhere = UnsafeRawPointer(offsets)
        unsafe self.init(
            offsets: UnsafePointer(offsets),
            indices: rows.neighbors.elements.baseAddress.map { unsafe UnsafePointer($0) }
                ?? anywhere.assumingMemoryBound(to: Int32.self),
            weights: rows.weights.elements.baseAddress.map { unsafe UnsafePointer($0) }
                ?? anywhere.assumingMemoryBound(to: Float.self),
            count: rows.count)
    }
}
