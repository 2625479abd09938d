import Artifacts
import Foundation
import TestSupport
import Testing

@Suite struct ManifestTests {
    private let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
        try folder.write("alpha", to: "a")
        try folder.write("beta!", to: "b")
        try manifest().write(directory: folder.path)
    }

    private func manifest(extra: [String: String] = ["metric": "cosine"]) throws -> Manifest {
        try Manifest(
            describing: ["b", "a"], in: folder.path, kind: "embeddings", counts: ["pins": 2], featureWidth: 3,
            extra: extra)
    }

    private func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch {
            return "\(error)".replacing(folder.path + "/", with: "")
        }
    }

    private func readMessage() -> String {
        message { _ = try Manifest.read(directory: folder.path, kind: "embeddings") }
    }

    @Test("a manifest comes back as it was written, byte for byte the same each time")
    func roundTrip() throws {
        let bytes = try folder.bytes(Manifest.fileName)
        let read = try Manifest.read(directory: folder.path, kind: "embeddings")
        #expect(try read == manifest())
        #expect(read.files["a"]?.bytes == 5 && read.extra["metric"] == "cosine" && read.counts["pins"] == 2)
        try read.write(directory: folder.path)
        #expect(try folder.bytes(Manifest.fileName) == bytes)
        try read.verifyLengths(directory: folder.path)
        try read.verifyChecksums(directory: folder.path)
    }

    @Test("the fingerprint follows the files and nothing else")
    func fingerprint() throws {
        let first = try manifest()
        #expect(try manifest(extra: [:]).fingerprint == first.fingerprint)
        #expect(first.fingerprint == Checksum.hex(first.fingerprintValue))
        let lines = first.files.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.xxh64)\n" }.joined()
        #expect(first.fingerprintValue == Array(lines.utf8).withUnsafeBytes { Checksum.xxh64($0) })
        try folder.write("gamma", to: "a")
        #expect(try manifest().fingerprint != first.fingerprint)
    }

    @Test("changed, missing and cut files are found")
    func damage() throws {
        let manifest = try manifest()
        try folder.write("alphA", to: "a")
        try manifest.verifyLengths(directory: folder.path)
        let found = try Checksum.xxh64Hex(ofFile: folder.file("a"))
        #expect(
            message { try manifest.verifyChecksums(directory: folder.path) }
                == "artifacts: a: checksum mismatch: expected \(manifest.files["a"]?.xxh64 ?? ""), found \(found). "
                + "Write the file again.")
        try folder.write("alph", to: "a")
        #expect(
            message { try manifest.verifyLengths(directory: folder.path) }
                == "artifacts: a: wrong length: expected 5 bytes, found 4. Write the file again.")
        try FileManager.default.removeItem(atPath: folder.file("a"))
        #expect(
            message { try manifest.verifyLengths(directory: folder.path) }
                == "artifacts: a: cannot open: expected a file, found none. Check the path.")
    }

    @Test("each way a manifest can be wrong has its own line")
    func badManifests() throws {
        let text = try folder.text(Manifest.fileName)
        func changed(_ old: String, _ new: String) throws -> String {
            #expect(text.contains(old))
            try folder.write(text.replacing(old, with: new), to: Manifest.fileName)
            return readMessage()
        }
        let again = "Write the folder again."
        #expect(
            try changed("\"format_version\" : 1", "\"format_version\" : 2")
                == "artifacts: manifest.json: unknown format version: expected 1, found 2. \(again)")
        #expect(
            try changed("\"embeddings\"", "\"graph\"")
                == "artifacts: manifest.json: wrong kind of folder: expected 'embeddings', found 'graph'. "
                + "Name another folder.")
        let fingerprint = try manifest().fingerprint
        #expect(
            try changed(fingerprint, "0000000000000000")
                == "artifacts: manifest.json: fingerprint does not match the checksums: expected \(fingerprint), "
                + "found 0000000000000000. \(again)")
        let fields = "a JSON object with format_version, kind, counts, feature_width, files, fingerprint, extra"
        #expect(
            try changed("\"kind\"", "\"kin\"")
                == "artifacts: manifest.json: bad manifest: expected \(fields), found no 'kind'. \(again)")
        #expect(
            try changed("\"pins\" : 2", "\"pins\" : \"2\"")
                == "artifacts: manifest.json: bad manifest: expected \(fields), found another type at 'counts.pins'. \(again)"
        )
        try folder.write("", to: Manifest.fileName)
        #expect(
            readMessage() == "artifacts: manifest.json: bad manifest: expected \(fields), found no JSON. \(again)")
    }
}
