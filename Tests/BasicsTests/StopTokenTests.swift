import Basics
import Glibc
import Testing

@Suite struct StopTokenTests {
    private func isReadable(_ descriptor: Int32) -> Bool {
        var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&item, 1, 0) == 1
    }

    @Test("a manual token stops when told, and its descriptor wakes a poll until notice is taken")
    func manual() {
        let token = StopToken.manual()
        #expect(!token.isStopped)
        #expect(!isReadable(token.descriptor))
        token.stop()
        #expect(isReadable(token.descriptor))
        #expect(token.isStopped)
        #expect(!isReadable(token.descriptor))
        #expect(token.isStopped)
        #expect(token.signalNumber == 0)
    }

    /// In a process of its own: signals are a matter of the whole process.
    @Test("SIGTERM makes the descriptor readable and sets the token instead of ending the process")
    func signals() async {
        await #expect(processExitsWith: .exitCode(0)) {
            let token = try StopToken()
            guard !token.isStopped else { exit(10) }
            pthread_kill(pthread_self(), SIGTERM)
            var item = pollfd(fd: token.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&item, 1, 5000) == 1 else { exit(11) }
            guard token.isStopped, token.signalNumber == SIGTERM else { exit(12) }
            guard poll(&item, 1, 0) == 0, token.isStopped else { exit(13) }
            exit(0)
        }
    }
}
