/// The element types that this project keeps in `.npy` files, little-endian.
public enum NumpyElement: String, CaseIterable, Sendable {
    case float32 = "<f4"
    case float16 = "<f2"
    case int64 = "<i8"
    case int32 = "<i4"
    case uint32 = "<u4"

    public var byteCount: Int {
        switch self {
        case .float16: 2
        case .float32, .int32, .uint32: 4
        case .int64: 8
        }
    }

    /// NumPy's name of the type.
    public var name: String { "\(self)" }
}

/// A Swift type that is the memory form of a `NumpyElement`.
public protocol NumpyScalar: BitwiseCopyable, Sendable {
    static var numpyElement: NumpyElement { get }
}

extension Float: NumpyScalar { public static var numpyElement: NumpyElement { .float32 } }
extension Float16: NumpyScalar { public static var numpyElement: NumpyElement { .float16 } }
extension Int64: NumpyScalar { public static var numpyElement: NumpyElement { .int64 } }
extension Int32: NumpyScalar { public static var numpyElement: NumpyElement { .int32 } }
extension UInt32: NumpyScalar { public static var numpyElement: NumpyElement { .uint32 } }

/// What the header of a `.npy` file says: data of one element type.
///
/// - Source: NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays".
public struct NumpyHeader: Equatable, Sendable {
    public let elementType: NumpyElement
    /// Row-major; a scalar has none, every entry ≥ 0.
    public let shape: [Int]
    /// The first index runs fastest. Files of our own never have it.
    public let isFortranOrder: Bool
    /// Where the data starts, counted from the beginning of the file. A multiple of 64 in files of our own.
    public let dataOffset: Int

    /// The product of the shape.
    public let elementCount: Int

    /// The bytes of the data.
    public var dataBytes: Int { elementCount * elementType.byteCount }

    /// - Parameter dataAlignment: where the data starts is a multiple of this, 64 to 4,096.
    /// - Precondition: the shape is not negative and its bytes fit `Int`.
    public init(elementType: NumpyElement, shape: [Int], dataAlignment: Int = 64) {
        let count = Self.product(shape, elementBytes: elementType.byteCount)
        precondition(count != nil, "NumpyHeader: impossible shape \(shape)")
        self.elementType = elementType
        self.shape = shape
        isFortranOrder = false
        elementCount = count ?? 0
        let unpadded = 10 + Self.dictionary(elementType, shape).utf8.count + 1
        dataOffset = (unpadded + dataAlignment - 1) / dataAlignment * dataAlignment
    }

    /// Reads the header at the start of a file's bytes.
    ///
    /// - Parameters:
    ///   - path: for messages.
    ///   - wanted: for messages: the element types that the reader can use.
    /// - Throws: `ArtifactError.wrongLength` when the bytes end inside the header, `.malformed` for anything that is
    ///   not an array of a known element type.
    public init(
        _ bytes: UnsafeRawBufferPointer, path: String, wanted: [NumpyElement] = NumpyElement.allCases
    ) throws(ArtifactError) {
        let fields = try unsafe NumpyHeaderText(bytes, path: path)
        guard let element = NumpyElement(rawValue: fields.descr) else {
            throw .malformed(
                path: path, problem: "unsupported element type",
                expected: wanted.map { "'\($0.rawValue)'" }.joined(separator: ", "),
                found: "'\(fields.descr)'", action: "Convert the array with numpy's astype")
        }
        guard let count = Self.product(fields.shape, elementBytes: element.byteCount) else {
            throw .malformed(
                path: path, problem: "impossible shape", expected: "a size that fits 64 bits",
                found: Self.text(fields.shape), action: "Write the file again")
        }
        elementType = element
        shape = fields.shape
        isFortranOrder = fields.fortranOrder
        dataOffset = fields.dataOffset
        elementCount = count
    }

    /// Magic, version 1.0, header length and header, padded so that the data starts at `dataOffset`.
    ///
    /// - Precondition: the header was made, not read.
    public var encoded: [UInt8] {
        let length = dataOffset - 10
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)]
        bytes += Array(Self.dictionary(elementType, shape).utf8)
        bytes += Array(repeating: UInt8(ascii: " "), count: dataOffset - bytes.count - 1)
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private static func dictionary(_ element: NumpyElement, _ shape: [Int]) -> String {
        "{'descr': '\(element.rawValue)', 'fortran_order': False, 'shape': \(text(shape)), }"
    }

    /// A shape as Python writes it: `()`, `(3,)`, `(3, 4)`.
    static func text(_ shape: [Int]) -> String {
        "(" + shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? ",)" : ")")
    }

    /// The product of the shape, or nil when an entry is negative or the bytes (with room for a header) overflow.
    private static func product(_ shape: [Int], elementBytes: Int) -> Int? {
        guard shape.allSatisfy({ $0 >= 0 }) else { return nil }
        if shape.contains(0) { return 0 }
        var count = 1
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            if overflow { return nil }
            count = product
        }
        return count <= (Int.max >> 1) / elementBytes ? count : nil
    }
}
