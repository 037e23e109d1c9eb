package org.example.console;

import java.io.IOException;
import java.net.InetAddress;
import javax.websocket.CloseReason;
import javax.websocket.OnClose;
import javax.websocket.OnError;
import javax.websocket.OnMessage;
import javax.websocket.OnOpen;
import javax.websocket.Session;
import javax.websocket.server.ServerEndpoint;

/** The CL endpoint in the manner of the article's Listing 1; commands are not run. */
@ServerEndpoint("/CLRunner")
public class Console {
  /** Listing 1 says 300,000; a test of the limit itself asks for less. */
  private static final long IDLE_MILLISECONDS =
      Long.parseLong(System.getenv().getOrDefault("IDLE_MILLISECONDS", "300000"));

  @OnOpen
  public void open(Session session) throws IOException {
    session.setMaxIdleTimeout(IDLE_MILLISECONDS);
    InetAddress local = InetAddress.getLocalHost();
    String greeting = "[From Server] Connected to " + local.getHostName() + " [" + local.getHostAddress() + "].";
    session.getBasicRemote().sendText(greeting);
  }

  @OnMessage
  public String message(String command) {
    return "ran " + command;
  }

  @OnClose
  public void close(CloseReason reason) {
    System.out.println("closed: " + reason);
  }

  @OnError
  public void error(Throwable failure) {
    System.out.println("failed: " + failure);
  }
}
