// A Linux guest under QEMU's own interpreter (no KVM needed), built by eng/guest. Its console is all that is heard of it; its iSCSI port is
// forwarded to a free loopback port, and one that mounts a share may reach this machine's loopback. Ended by its id.
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Membership.Arbiters.Conformance;

/// <summary>One guest. Safe for calls from any thread.</summary>
public sealed partial class Guest : IDisposable
{
    private const int SignalStop = 19, SignalContinue = 18;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private readonly Process _machine;
    private readonly List<string> _console = [];
    private readonly Dictionary<string, TaskCompletionSource<string>> _awaited = [];

    private Guest(Process machine, int port)
    {
        _machine = machine;
        EndPoint = new IPEndPoint(IPAddress.Loopback, port);
        machine.OutputDataReceived += (_, line) => Hear(line.Data);
        machine.ErrorDataReceived += (_, line) => Hear(line.Data);
        machine.BeginOutputReadLine();
        machine.BeginErrorReadLine();
    }

    public IPEndPoint EndPoint { get; }

    public string Console
    {
        get
        {
            lock (_console) return string.Join('\n', _console);
        }
    }

    /// <param name="image">target.cpio, disks.cpio or share.cpio.</param>
    /// <param name="words">On the kernel's command line; the first says what it is for.</param>
    /// <param name="megabytes">Its memory.</param>
    public static Guest Boot(string image, string words, int megabytes)
    {
        string directory = FindImages();
        int port = ServerStart.FreeEndPoint().Port;
        var start = new ProcessStartInfo("qemu-system-x86_64") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in new[]
        {
            "-M", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", megabytes.ToString(CultureInfo.InvariantCulture), "-nographic", "-nodefaults", "-serial", "stdio", "-no-reboot",
            "-kernel", Path.Combine(directory, "vmlinuz"), "-initrd", Path.Combine(directory, image), "-append", "console=ttyS0 panic=-1 quiet " + words,
            "-netdev", string.Create(CultureInfo.InvariantCulture, $"user,id=n,restrict={(image == "share.cpio" ? "off" : "on")},hostfwd=tcp:127.0.0.1:{port}-:3260"), "-device", "virtio-net-pci,netdev=n,romfile=",
            // A disk without persistent reservations.
            "-device", "virtio-scsi-pci", "-blockdev", "null-co,node-name=d,size=8388608,read-zeroes=on", "-device", "scsi-hd,drive=d",
        }) start.ArgumentList.Add(argument);
        return new Guest(Process.Start(start)!, port);
    }

    /// <summary>The first line that contains a word, past or to come.</summary>
    public async Task<string> HearAsync(string word)
    {
        TaskCompletionSource<string> heard;
        lock (_console)
        {
            if (_console.Find(line => line.Contains(word, StringComparison.Ordinal)) is { } already) return already;
            heard = _awaited[word] = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        Task ended = _machine.WaitForExitAsync();
        if (await Task.WhenAny(heard.Task, ended, Task.Delay(Patience)) == heard.Task) return await heard.Task;
        throw new InvalidOperationException($"The guest {(ended.IsCompleted ? "ended" : "was waited for " + Patience)} without a '{word}'. Its console:\n{Console}");
    }

    public void Freeze() => Signal(SignalStop);

    public void Thaw() => Signal(SignalContinue);

    public void Dispose()
    {
        if (!_machine.HasExited) _machine.Kill();
        _machine.WaitForExit();
        _machine.Dispose();
    }

    private static string FindImages()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string images = Path.Combine(at.FullName, ".cache", "guest");
            if (File.Exists(Path.Combine(images, "vmlinuz"))) return images;
        }
        throw new InvalidOperationException("There is no .cache/guest: run ./test --full, or eng/guest with the output directories of the tests.");
    }

    private void Hear(string? line)
    {
        if (line is null) return;
        lock (_console)
        {
            _console.Add(line);
            foreach ((string word, TaskCompletionSource<string> heard) in _awaited)
            {
                if (line.Contains(word, StringComparison.Ordinal)) heard.TrySetResult(line);
            }
        }
    }

    private void Signal(int number)
    {
        if (SendSignal(_machine.Id, number) != 0) throw new InvalidOperationException($"Signal {number} could not be sent to the guest.");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
