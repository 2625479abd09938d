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
        let below = folder.file("a/b")
        #expect(throws: ArtifactError.system(path: below, operation: "create", code: ENOTDIR)) {
            try AtomicReplace.write(to: below) { _ in }
        }
    }

    @Test("missing folders above are made, and are gone again when the writing fails")
    func foldersAbove() throws {
        for fails in [true, false] {
            let end = { if fails { throw Stop() } }
            let file = Result { try AtomicReplace.write(to: folder.file("x/y/a")) { _ in try end() } }
            let tree = Result { try AtomicReplace.writeFolder(at: folder.file("v/w/d")) { _ in try end() } }
            for result in [file, tree] {
                if fails { #expect(throws: Stop.self) { try result.get() } } else { try result.get() }
            }
            #expect(try folder.names() == (fails ? [] : ["v", "x"]))
        }
        #expect(try AtomicReplace.entries(ofFolder: folder.file("x/y")) == ["a"])
        #expect(try AtomicReplace.entries(ofFolder: folder.file("v/w")) == ["d"])
        try folder.write("a file", to: "f")
        let below = folder.file("f/g/h")
        #expect(throws: ArtifactError.system(path: folder.file("f/g"), operation: "create folder", code: ENOTDIR)) {
            try AtomicReplace.writeFolder(at: below) { _ in }
        }
        #expect(throws: Stop.self) {
            try AtomicReplace.write(to: folder.file("x/z/a")) { _ in throw Stop() }
        }
        #expect(try AtomicReplace.entries(ofFolder: folder.file("x")) == ["y"])
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

    @Test("leftovers of killed processes go, those of living ones and of others stay")
    func leftovers() throws {
        let folder = try TemporaryDirectory()
        let ended = Process()
        ended.executableURL = URL(fileURLWithPath: "/bin/true")
        try ended.run()
        ended.waitUntilExit()
        let stay = ["g.tmp-\(getpid())", "g.tmp-host", "other.tmp-\(ended.processIdentifier)"]
        for name in stay + ["g.tmp-\(ended.processIdentifier)"] {
            try AtomicReplace.writeFolder(at: folder.file(name)) {
                try "x".write(toFile: "\($0)/f", atomically: false, encoding: .utf8)
            }
        }
        AtomicReplace.removeLeftovers(of: folder.file("g") + "/")
        #expect(try folder.names() == stay.sorted())
    }
}
