import Artifacts
import Basics

/// Feature rows that travel in the batch, row-major, `width` values a row.
public struct InlineFeatures: Sendable {
    public var width: Int
    public let precision: WirePrecision
    public let frame: Frame

    /// - Precondition: the frame holds a whole number of values, aligned.
    public init(width: Int, precision: WirePrecision, frame: Frame) {
        precondition(
            frame.byteCount.isMultiple(of: precision.byteCount), "InlineFeatures: \(frame.byteCount) bytes")
        self.width = width
        self.precision = precision
        self.frame = frame
    }

    public init(width: Int, values: FrameArray<Float>) {
        self.init(width: width, precision: .float32, frame: values.frame)
    }

    /// Values of all rows.
    public var count: Int { frame.byteCount / precision.byteCount }

    /// All values, where they travel as float32.
    public var values: FrameArray<Float> {
        precondition(precision == .float32, "InlineFeatures: these are \(precision)")
        return FrameArray(frame: frame)
    }

    /// Writes the rows as float32, `rowStride` floats apart.
    ///
    /// - Precondition: there is room for all rows, and `rowStride` is at least the width.
    public func copyRows(into output: UnsafeMutablePointer<Float>, rowStride: Int) {
        precondition(rowStride >= width, "InlineFeatures: row stride \(rowStride) is less than the width \(width)")
        guard width > 0, let base = unsafe UnsafeRawPointer(frame.bytes.baseAddress) else { return }
        let rowBytes = width * precision.byteCount
        for row in 0..<count / width {
            let (source, target) = unsafe (base + row * rowBytes, output + row * rowStride)
            switch precision {
            case .float32: unsafe UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: rowBytes)
            case .float16: unsafe Half.widen(source, into: target, count: width)
            }
        }
    }
}

/// How features travel (`trainer.wire`).
public enum WirePrecision: Sendable {
    case float32
    /// Rounded to the nearest.
    case float16

    package var byteCount: Int { self == .float32 ? 4 : 2 }
}
