import Artifacts
import Foundation
import TestSupport
import Testing

@Suite struct AtomicReplaceTests {
    private struct Stop: Error {}
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    @Test("a file appears whole, and replaces the older one")
    func file() throws {
        let path = folder.file("a")
        for text in ["one", String(repeating: "many", count: 200_000), ""] {
            try AtomicReplace.write(to: path) { writer in
                try writer.write(text)
                let other = try folder.names()
                #expect(other.contains { $0.hasPrefix("a.tmp-") })
            }
            #expect(try folder.text("a") == text)
            #expect(try folder.names() == ["a"])
        }
    }

    @Test("a failure leaves the older file, and no other")
    func failedFile() throws {
        try folder.write("old", to: "a")
        #expect(throws: Stop.self) {
            try AtomicReplace.write(to: folder.file("a")) { writer in
                try writer.write(String(repeating: "new", count: 200_000))
                throw Stop()
            }
        }
        #expect(try folder.text("a") == "old")
        #expect(try folder.names() == ["a"])
        let missing = folder.file("none/a")
        #expect(throws: ArtifactError.system(path: missing, operation: "create", code: ENOENT)) {
            try AtomicReplace.write(to: missing) { _ in }
        }
    }

    @Test("a folder appears whole, over a missing, an empty or, when asked, a full one")
    func wholeFolder() throws {
        let path = folder.file("d")
        try AtomicReplace.writeFolder(at: path + "/") { try Data("1".utf8).write(to: URL(fileURLWithPath: $0 + "/x")) }
        #expect(try folder.text("d/x") == "1")
        #expect(throws: ArtifactError.system(path: path, operation: "replace", code: ENOTEMPTY)) {
            try AtomicReplace.writeFolder(at: path) { _ in }
        }
        #expect(try folder.names() == ["d"])
        try AtomicReplace.writeFolder(at: path, replacing: true) {
            try Data("2".utf8).write(to: URL(fileURLWithPath: $0 + "/y"))
        }
        #expect(try folder.names() == ["d"])
        #expect(try AtomicReplace.entries(ofFolder: path) == ["y"])
        #expect(throws: Stop.self) {
            try AtomicReplace.writeFolder(at: path, replacing: true) {
                try FileManager.default.createDirectory(atPath: $0 + "/deep/er", withIntermediateDirectories: true)
                throw Stop()
            }
        }
        #expect(try folder.names() == ["d"])
        #expect(try AtomicReplace.entries(ofFolder: path) == ["y"])
        #expect(try AtomicReplace.entries(ofFolder: folder.file("none")) == nil)
    }
}
