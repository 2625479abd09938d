import Foundation

/// The table of contents of a folder of artifacts: counts, and length and checksum of every file.
///
/// `manifest.json` in the folder. Opening a folder checks lengths; reading everything checks the checksums.
public struct Manifest: Codable, Equatable, Sendable {
    /// What the manifest says of one file.
    public struct File: Codable, Equatable, Sendable {
        public let bytes: Int
        /// XXH64, 16 lower-case hexadecimal digits.
        public let xxh64: String
    }

    /// The only version there is.
    public static let currentFormatVersion = 1
    public static let fileName = "manifest.json"

    public let formatVersion: Int
    /// What the folder holds: `graph` or `embeddings`.
    public let kind: String
    public let counts: [String: Int]
    public let featureWidth: Int
    public let files: [String: File]
    /// XXH64 over the lines `NAME XXH64\n` of all files, sorted by name: equal content, equal fingerprint.
    public let fingerprint: String
    /// Further strings, for example `metric`.
    public let extra: [String: String]

    private enum CodingKeys: String, CodingKey {
        case formatVersion = "format_version"
        case featureWidth = "feature_width"
        case kind, counts, files, fingerprint, extra
    }

    /// Describes files that are already written in `directory`.
    ///
    /// - Complexity: O(bytes): each file is read once for its checksum.
    public init(
        describing files: [String], in directory: String, kind: String, counts: [String: Int], featureWidth: Int,
        extra: [String: String] = [:]
    ) throws(ArtifactError) {
        var described: [String: File] = [:]
        for name in files {
            let (bytes, xxh64) = try Checksum.xxh64(ofFile: "\(directory)/\(name)")
            described[name] = File(bytes: bytes, xxh64: xxh64)
        }
        self.init(files: described, kind: kind, counts: counts, featureWidth: featureWidth, extra: extra)
    }

    /// Describes files whose lengths and checksums are known.
    public init(
        files: [String: File], kind: String, counts: [String: Int], featureWidth: Int, extra: [String: String] = [:]
    ) {
        formatVersion = Self.currentFormatVersion
        self.kind = kind
        self.counts = counts
        self.featureWidth = featureWidth
        self.files = files
        self.extra = extra
        fingerprint = Self.fingerprint(of: files)
    }

    /// The fingerprint as a number.
    public var fingerprintValue: UInt64 { UInt64(fingerprint, radix: 16) ?? 0 }

    private static func fingerprint(of files: [String: File]) -> String {
        Checksum.xxh64Hex(of: files.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.xxh64)\n" }.joined())
    }

    /// Reads `manifest.json` and checks that it is whole and of the kind that is wanted.
    ///
    /// - Throws: `ArtifactError` naming the manifest's path.
    public static func read(directory: String, kind: String) throws(ArtifactError) -> Manifest {
        let path = "\(directory)/\(fileName)"
        let file = try MappedFile(path: path)
        let manifest: Manifest
        do {
            manifest = try unsafe BoundedJSON.decode(Manifest.self, from: Data(file.bytes))
        } catch {
            throw malformed(path, "bad manifest", "a JSON object with \(fieldNames)", problem(error))
        }
        guard manifest.formatVersion == currentFormatVersion else {
            throw malformed(path, "unknown format version", "\(currentFormatVersion)", "\(manifest.formatVersion)")
        }
        guard manifest.kind == kind else {
            throw malformed(path, "wrong kind of folder", "'\(kind)'", "'\(manifest.kind)'", "Name another folder")
        }
        let fingerprint = fingerprint(of: manifest.files)
        guard manifest.fingerprint == fingerprint else {
            throw malformed(path, "fingerprint does not match the checksums", fingerprint, manifest.fingerprint)
        }
        return manifest
    }

    /// Writes `manifest.json`, keys sorted: same content, same bytes.
    ///
    /// - Parameter isDurable: see `AtomicReplace.write`.
    public func write(directory: String, isDurable: Bool = true) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let text = String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
        try AtomicReplace.write(to: "\(directory)/\(Self.fileName)", isDurable: isDurable) { try $0.write(text) }
    }

    /// Checks that every file is there with its length; O(files).
    public func verifyLengths(directory: String) throws(ArtifactError) {
        for name in files.keys.sorted() { _ = try map(name, in: directory) }
    }

    /// Checks the checksum of every file; O(bytes).
    ///
    /// - Parameter progress: called before each file with its name and length.
    public func verifyChecksums(
        directory: String, progress: (_ name: String, _ bytes: Int) -> Void = { _, _ in }
    ) throws(ArtifactError) {
        for (name, described) in files.sorted(by: { $0.key < $1.key }) {
            progress(name, described.bytes)
            try verifyChecksum(of: name, directory: directory)
        }
    }

    /// Checks length and checksum of one file; one that is not described has the wrong length.
    public func verifyChecksum(of name: String, directory: String) throws(ArtifactError) {
        let file = try map(name, in: directory)
        let (expected, found) = (files[name]?.xxh64 ?? "", unsafe Checksum.hex(Checksum.xxh64(file.bytes)))
        guard found == expected else {
            throw .checksumMismatch(path: file.path, expected: expected, found: found)
        }
    }

    private func map(_ name: String, in directory: String) throws(ArtifactError) -> MappedFile {
        let path = "\(directory)/\(name)"
        guard !name.contains("/") else {
            throw Self.malformed("\(directory)/\(Self.fileName)", "bad file name", "a plain name", "'\(name)'")
        }
        let file = try MappedFile(path: path, advice: .sequential)
        guard let described = files[name], file.byteCount == described.bytes else {
            throw .wrongLength(path: path, expectedBytes: files[name]?.bytes ?? 0, foundBytes: file.byteCount)
        }
        return file
    }

    private static func malformed(
        _ path: String, _ problem: String, _ expected: String, _ found: String,
        _ action: String = "Write the folder again"
    ) -> ArtifactError {
        .malformed(path: path, problem: problem, expected: expected, found: found, action: action)
    }

    private static let fieldNames =
        "format_version, kind, counts, feature_width, files, fingerprint, extra"

    /// A decoding error in a few words.
    private static func problem(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "no '\(key.stringValue)'"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "another type at '\(context.codingPath.map(\.stringValue).joined(separator: "."))'"
        default: "no JSON"
        }
    }
}
