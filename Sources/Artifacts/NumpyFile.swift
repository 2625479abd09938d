/// A `.npy` file, mapped: opening checks header and length, the elements are read where they lie.
@safe public final class NumpyFile: Sendable {
    public let path: String
    public let header: NumpyHeader
    private let file: MappedFile

    /// - Parameters:
    ///   - elements: the element types that are acceptable; any known one by default.
    ///   - rank: the number of dimensions it must have; any by default.
    ///   - fortranOrder: whether Fortran order is acceptable; the elements are then given as they lie.
    /// - Throws: `ArtifactError` naming the path and what was expected and found.
    public init(
        path: String, elements: [NumpyElement] = NumpyElement.allCases, rank: Int? = nil,
        fortranOrder: Bool = false, advice: MappedFile.Advice = .normal
    ) throws(ArtifactError) {
        self.path = path
        file = try MappedFile(path: path, advice: advice)
        header = try unsafe NumpyHeader(file.bytes, path: path, wanted: elements)
        guard elements.contains(header.elementType) else {
            throw .malformed(
                path: path, problem: "wrong element type", expected: elements.map(\.name).joined(separator: " or "),
                found: header.elementType.name, action: "Convert the array with numpy's astype")
        }
        guard fortranOrder || !header.isFortranOrder else {
            throw .malformed(
                path: path, problem: "wrong memory order", expected: "C order", found: "Fortran order",
                action: "Save numpy.ascontiguousarray of the array")
        }
        if let rank, header.shape.count != rank {
            throw .malformed(
                path: path, problem: "wrong number of dimensions", expected: "\(rank)",
                found: "\(header.shape.count), shape \(NumpyHeader.text(header.shape))", action: "Reshape the array")
        }
        let length = header.dataOffset + header.dataBytes
        guard file.byteCount == length else {
            throw .wrongLength(path: path, expectedBytes: length, foundBytes: file.byteCount)
        }
        guard header.dataOffset % header.elementType.byteCount == 0 else {
            throw .malformed(
                path: path, problem: "misaligned data",
                expected: "data at a multiple of \(header.elementType.byteCount) bytes",
                found: "byte \(header.dataOffset)", action: "Write the file again with numpy.save")
        }
    }

    /// The elements as they lie, valid while this object lives.
    ///
    /// - Precondition: `T` is the header's element type.
    public func elements<T: NumpyScalar>(as type: T.Type = T.self) -> UnsafeBufferPointer<T> {
        precondition(
            T.numpyElement == header.elementType,
            "NumpyFile: \(path) holds \(header.elementType.name), asked for \(T.numpyElement.name)")
        return unsafe UnsafeRawBufferPointer(rebasing: file.bytes[header.dataOffset...]).assumingMemoryBound(to: T.self)
    }

    /// The data as bytes, valid while this object lives.
    public var dataBytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: file.bytes[header.dataOffset...])
    }
}

/// Writes a `.npy` file piece by piece; it takes its name on `close()`, never before it is whole.
public final class NumpyWriter {
    public private(set) var header: NumpyHeader
    private let writer: FileWriter

    /// - Parameters:
    ///   - dataAlignment: the data starts at a multiple of this, 64 to 4,096.
    ///   - isDurable: whether the bytes shall survive a power failure once the file has its name. Without, it may come
    ///     back damaged: for files whose checksum, `described`, is looked at before they are used.
    /// - Throws: `ArtifactError.system` when the file cannot be created.
    public init(
        path: String, elementType: NumpyElement, shape: [Int], dataAlignment: Int = 64, isDurable: Bool = true
    ) throws(ArtifactError) {
        header = NumpyHeader(elementType: elementType, shape: shape, dataAlignment: dataAlignment)
        writer = try FileWriter(replacing: path, isDurable: isDurable)
        try unsafe header.encoded.withUnsafeBytesThrowing { bytes throws(ArtifactError) in
            try unsafe writer.write(bytes)
        }
    }

    /// For a list whose length shows at the end: `close(count:)`.
    public convenience init(path: String, listOf elementType: NumpyElement) throws(ArtifactError) {
        try self.init(path: path, elementType: elementType, shape: [0])
    }

    /// Closes a list, which has as many elements as were appended.
    ///
    /// - Throws: as `close()`.
    public func close(count: Int) throws(ArtifactError) {
        let found = NumpyHeader(elementType: header.elementType, shape: [count])
        // Fewer than 2⁶³ in decimal digits leave the data where it is.
        precondition(found.dataOffset == header.dataOffset, "NumpyWriter: \(header.shape) became \(count)")
        header = found
        try unsafe found.encoded.withUnsafeBytesThrowing { bytes throws(ArtifactError) in
            try unsafe writer.overwrite(bytes, at: 0)
        }
        try close()
    }

    /// Appends elements' bytes in C order.
    public func append(bytes: UnsafeRawBufferPointer) throws(ArtifactError) {
        try unsafe writer.write(bytes)
    }

    /// Appends elements in C order.
    ///
    /// - Precondition: `T` is the file's element type.
    public func append<T: NumpyScalar>(_ elements: UnsafeBufferPointer<T>) throws(ArtifactError) {
        precondition(T.numpyElement == header.elementType, "NumpyWriter: \(T.self) into \(header.elementType.name)")
        try unsafe writer.write(elements)
    }

    public func append<T: NumpyScalar>(_ elements: [T]) throws(ArtifactError) {
        precondition(T.numpyElement == header.elementType, "NumpyWriter: \(T.self) into \(header.elementType.name)")
        try unsafe elements.withUnsafeBytesThrowing { bytes throws(ArtifactError) in try unsafe writer.write(bytes) }
    }

    /// Makes the file durable, unless it need not be, and gives it its name.
    ///
    /// - Throws: `ArtifactError.wrongLength` (and leaves no file) when the elements do not fill the shape.
    public func close() throws(ArtifactError) {
        let expected = header.dataOffset + header.dataBytes
        guard writer.byteCount == expected else {
            writer.discard()
            throw .wrongLength(path: writer.path, expectedBytes: expected, foundBytes: writer.byteCount)
        }
        try writer.commit()
    }

    /// What a manifest says of the file: length and checksum of the bytes given so far.
    ///
    /// - Precondition: it need not be durable.
    public var described: Manifest.File {
        guard let hash = writer.hash else { preconditionFailure("NumpyWriter: \(writer.path) is not hashed") }
        return Manifest.File(bytes: writer.byteCount, xxh64: Checksum.hex(hash.value))
    }
}

/// Writes a whole array as a `.npy` file.
///
/// - Precondition: as many elements as the shape says.
public func writeNumpy<T: NumpyScalar>(
    path: String, shape: [Int], _ elements: UnsafeBufferPointer<T>
) throws(ArtifactError) {
    let writer = try NumpyWriter(path: path, elementType: T.numpyElement, shape: shape)
    precondition(
        elements.count == writer.header.elementCount,
        "writeNumpy: shape \(shape) holds \(writer.header.elementCount) elements, not \(elements.count)")
    try unsafe writer.append(elements)
    try writer.close()
}

/// Writes a whole array as a `.npy` file.
///
/// - Precondition: as many elements as the shape says.
public func writeNumpy<T: NumpyScalar>(path: String, shape: [Int], _ elements: [T]) throws(ArtifactError) {
    try unsafe elements.withUnsafeBufferPointerThrowing { buffer throws(ArtifactError) in
        try unsafe writeNumpy(path: path, shape: shape, buffer)
    }
}

extension Array {
    /// `withUnsafeBytes` for a body with this room's typed errors.
    func withUnsafeBytesThrowing(_ body: (UnsafeRawBufferPointer) throws(ArtifactError) -> Void) throws(ArtifactError) {
        let result: Result<Void, ArtifactError> = unsafe withUnsafeBytes { bytes in
            do throws(ArtifactError) { return .success(try unsafe body(bytes)) } catch { return .failure(error) }
        }
        try result.get()
    }

    /// `withUnsafeBufferPointer` for a body with this room's typed errors.
    func withUnsafeBufferPointerThrowing(
        _ body: (UnsafeBufferPointer<Element>) throws(ArtifactError) -> Void
    ) throws(ArtifactError) {
        try unsafe withUnsafeBufferPointer { buffer throws(ArtifactError) in try unsafe body(buffer) }
    }
}
