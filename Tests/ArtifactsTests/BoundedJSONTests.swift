import Artifacts
import Foundation
import TestSupport
import Testing

@Suite struct BoundedJSONTests {
    private func decode(_ bytes: some Collection<UInt8>) throws -> [String: [String]] {
        try BoundedJSON.decode([String: [String]].self, from: Data(bytes))
    }

    @Test("brackets in strings and wide but shallow values are read")
    func shallow() throws {
        #expect(try decode(#"{"a\\":["[[[[[[[[[[[[[[[[[[\"{{{{"]}"#.utf8) == ["a\\": [#"[[[[[[[[[[[[[[[[[["{{{{"#]])
        let wide = "{" + (0..<100).map { "\"\($0)\":[\"x\"]" }.joined(separator: ",") + "}"
        #expect(try decode(wide.utf8).count == 100)
    }

    @Test("what nests without end or is not UTF-8 is an error")
    func deep() throws {
        for depth in [16, 17, 512, 513, 514, 100_000] {
            #expect(throws: DecodingError.self) { try decode(String(repeating: "[", count: depth).utf8) }
            let text = #"{"a":["\""], "b":"# + String(repeating: "{\"a\":", count: depth)
            #expect(throws: DecodingError.self) { try decode(text.utf8) }
        }
        let wide = try #require(String(repeating: "[", count: 513).data(using: .utf16LittleEndian))
        #expect(throws: DecodingError.self) { try decode(wide) }
    }

    @Test("a manifest and a safetensors header of 513 brackets are one error, not a trap")
    func files() throws {
        let folder = try TemporaryDirectory()
        let brackets = String(repeating: "[", count: 513)
        try folder.write(brackets, to: Manifest.fileName)
        #expect(throws: ArtifactError.self) { try Manifest.read(directory: folder.path, kind: "graph") }
        // A header of 7 blanks and 513 brackets: 520 bytes, a multiple of 8.
        let length: [UInt8] = [8, 2, 0, 0, 0, 0, 0, 0]
        let path = try folder.write(length + Array((String(repeating: " ", count: 7) + brackets).utf8), to: "f")
        #expect(throws: ArtifactError.self) { try SafetensorsFile(path: path) }
    }
}
