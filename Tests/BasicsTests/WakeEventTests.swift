import Basics
import Foundation
import Testing

@Suite struct WakeEventTests {
    @Test("it wakes a poll until notice is taken")
    func rings() throws {
        let wake = try WakeEvent()
        var item = pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&item, 1, 0) == 0)
        wake.ring()
        wake.ring()
        #expect(poll(&item, 1, 0) == 1)
        wake.drain()
        #expect(poll(&item, 1, 0) == 0)
    }

    /// In a process of its own, where no other thread opens files.
    @Test("who rings last, when its maker has let it go, writes into no file that was opened since")
    func lateRing() async {
        await #expect(processExitsWith: .exitCode(0)) {
            var wake: WakeEvent? = try WakeEvent()
            guard let number = wake?.descriptor, let held = wake else { exit(10) }
            let lateRing = { held.ring() }
            wake = nil
            let path = "/tmp/late-ring-\(getpid())"
            defer { unlink(path) }
            let file = open(path, O_CREAT | O_RDWR, 0o600)
            guard file >= 0, file != number else { exit(11) }
            lateRing()
            var status = stat()
            guard fstat(file, &status) == 0, status.st_size == 0 else { exit(12) }
            unlink(path)
            exit(0)
        }
    }
}
