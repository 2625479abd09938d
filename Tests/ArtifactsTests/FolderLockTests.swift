import Artifacts
import Foundation
import TestSupport
import Testing

@Suite struct FolderLockTests {
    @Test("one at a time holds a folder, and a folder that takes its place is another")
    func oneHolder() throws {
        let folder = try TemporaryDirectory()
        for name in ["a", "b"] {
            try FileManager.default.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
        }
        var lock: FolderLock? = try FolderLock(path: folder.file("a"))
        let error = #expect(throws: ArtifactError.self) { try FolderLock(path: folder.file("a")) }
        #expect(error.map { "\($0)" }?.contains("a: in use: expected a folder that nobody else is changing") == true)
        let other = try FolderLock(path: folder.file("b"))
        withExtendedLifetime((lock, other)) {}
        lock = nil
        _ = try FolderLock(path: folder.file("a"))
        #expect(throws: ArtifactError.self) { try FolderLock(path: folder.file("none")) }
    }
}
