extension SafetensorsFile {
    /// XXH64 over every tensor's name, shape and bytes, as 16 hexadecimal digits. Metadata do not count, nor does the
    /// order of the tensors in the file.
    ///
    /// Tensors in ascending order of their names' UTF-8, each as `NAME\nSIZE,SIZE\n` followed by its bytes.
    /// - Complexity: O(bytes).
    public var tensorsChecksum: String {
        var hash = XXH64()
        for tensor in tensors.sorted(by: { Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8)) }) {
            let sizes = tensor.shape.map(String.init).joined(separator: ",")
            unsafe Array("\(tensor.name)\n\(sizes)\n".utf8).withUnsafeBytes { unsafe hash.update($0) }
            unsafe hash.update(UnsafeRawBufferPointer(elements(of: tensor)))
        }
        return Checksum.hex(hash.value)
    }
}
